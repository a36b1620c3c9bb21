import { z } from 'zod';

/** For routes without a query. */
export const noQuery = z.strictObject({});

/** For routes without a body: it may be missing or an empty object. */
export const noBody = z.strictObject({}).nullish();

export const ifNoneMatch = {
  'if-none-match': z.string().optional().describe('The `ETag` of the last answer.'),
};
