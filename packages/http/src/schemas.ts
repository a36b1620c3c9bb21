import { z } from 'zod';

/** For routes that take no query. */
export const noQuery = z.strictObject({});

/** For routes that take no body: none, or an empty object. */
export const noBody = z.strictObject({}).nullish();

export const ifNoneMatch = {
  'if-none-match': z.string().optional().describe('The `ETag` of the last answer.'),
};
