import { readOutcome, requestIdSchema } from '@antrean/backoffice';
import { checked, type Command, done, EXIT, refused } from './command.ts';

/** For a command that ended before its outcome was known. */
export const outcome: Command = {
  words: 'REQUEST',
  summary: 'shows the outcome of a queued command, by its request id',
  async run(context, [request]) {
    const answer = await readOutcome(context, checked(requestIdSchema, 'The request id', request));
    if (answer.kind === 'not_known_yet') {
      const text = `Command ${answer.requestId} has no outcome: it is still queued, was never queued, or is older than two weeks.`;
      return { exit: EXIT.notKnown, answer, text };
    }
    const { job, outcome: became, code, at } = answer;
    const text = `${job}: ${became}${code === undefined ? '' : ` (${code})`}, at ${at.toISOString()}.`;
    return became === 'failed' ? refused(answer, text) : done(answer, text);
  },
};
