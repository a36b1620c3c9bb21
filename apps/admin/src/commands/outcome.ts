import { readOutcome, requestIdSchema } from '@antrean/backoffice';
import { checked, type Command, done, EXIT, refused } from './command.ts';

/** Of a command whose outcome was not known when it ended. */
export const outcome: Command = {
  words: 'REQUEST',
  summary: 'shows what became of a command that was queued, by its request id',
  async run(context, [request]) {
    const answer = await readOutcome(context, checked(requestIdSchema, 'The request id', request));
    if (answer.kind === 'not_known_yet') {
      const text = `Of ${answer.requestId} no outcome is known: it waits for a worker, was never asked, or is older than two weeks.`;
      return { exit: EXIT.notKnown, answer, text };
    }
    const { job, outcome: became, code, at } = answer;
    const text = `${job}: ${became}${code === undefined ? '' : ` (${code})`}, at ${at.toISOString()}.`;
    return became === 'failed' ? refused(answer, text) : done(answer, text);
  },
};
