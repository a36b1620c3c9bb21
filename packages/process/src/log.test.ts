import { describe, expect, it } from 'vitest';
import { createLog } from './log.ts';

function logged(error: unknown): string {
  let text = '';
  createLog('test', 'info', { write: (line) => void (text += line) }).error({ err: error }, 'failed');
  return text;
}

describe('the log', () => {
  it('leaves out personal data and keys that an error or its causes quote', () => {
    const secret = 'siti@example.test';
    const inner = Object.assign(new Error('duplicate key'), { code: '23505', detail: secret, where: secret });
    const outer = Object.assign(new Error('could not be stored', { cause: inner }), {
      command: { name: 'hset', args: [secret] },
      rawHttpClientData: { headers: { Authorization: secret } },
    });
    const text = logged(new AggregateError([outer], 'all failed'));
    expect(text).not.toContain(secret);
    expect(text).toContain('duplicate key');
    expect(text).toContain('23505');
  });

  it('does not print a thrown value that is not an Error', () => {
    expect(logged('Basic c2VjcmV0')).not.toContain('c2VjcmV0');
  });
});
