import {
  auditMoney,
  compareSettlementExport,
  moneyAuditInput,
  readSettlementReport,
  settlementInput,
} from '@antrean/backoffice';
import { checked, type Command, done, readText, refused, type Reply, table } from './command.ts';

export const money: Command = {
  words: '[ORDER]',
  summary: 'compares the money ledger with payments and refunds; exits 1 if they differ',
  options: { after: { type: 'string', help: 'the order that ends the page before' } },
  async run(context, [orderId], _request, { after }) {
    const answer = await auditMoney(context, checked(moneyAuditInput, 'The order', { orderId, after }));
    const { differences, sumRupiah, next } = answer;
    const more = next === undefined ? '' : ` There may be more: money --after ${next}`;
    const sum = `The ledger's sum is ${sumRupiah}; ${differences.length} orders have differences.${more}`;
    return compared(answer.kind === 'balanced', answer, differences, sum);
  },
};

export const settlement: Command = {
  words: 'GATEWAY [DAY [FILE]]',
  summary:
    'shows the settlement report of a day, or compares a file with our payments; exits 1 if a file differs',
  details: `DAY is YYYY-MM-DD in Western Indonesia Time, by default yesterday. FILE is Midtrans's export of transactions as
CSV, also as a spreadsheet has saved it. Amounts are read exactly, or the rows are named and nothing is compared.`,
  async run(context, [gateway, day, file]) {
    const asked = checked(settlementInput, 'The report', { gateway, day });
    if (file === undefined) {
      const answer = await readSettlementReport(context, asked);
      if (answer.kind === 'no_report') {
        return refused(answer, `There is no settlement report of ${answer.gateway} for ${answer.day} yet.`);
      }
      const { differences, payments, oursRupiah, theirsRupiah } = answer.report;
      const sum = `${payments} payments; ours ${oursRupiah}, theirs ${theirsRupiah}.`;
      return compared(true, answer, differences, sum);
    }
    const answer = await compareSettlementExport(context, asked, readText(file));
    if (answer.kind === 'no_export')
      return refused(answer, `Exports of ${asked.gateway} cannot be compared.`);
    if (answer.kind === 'no_column') return refused(answer, `${file} has no column ${answer.column}.`);
    if (answer.kind === 'unreadable') {
      const [first, ...more] = answer.rows;
      const others = more.length === 0 ? '' : ` ${more.length} more rows cannot be read (see --json).`;
      return refused(
        answer,
        `Nothing was compared: row ${first?.row} of ${file} cannot be read exactly: ${first?.why}.${others}`,
      );
    }
    const { payments, differences } = answer;
    const sum = `${payments} payments of ours; ${differences.length} differences.`;
    return compared(answer.kind === 'same', answer, differences, sum);
  },
};

function compared(isRight: boolean, answer: unknown, differences: readonly object[], sum: string): Reply {
  const text = differences.length === 0 ? sum : `${table(differences)}\n${sum}`;
  return { ...(isRight ? done : refused)(answer, text), isResult: true };
}
