import { Problem as AnyProblem } from '@antrean/http';
import type { ProblemCode } from './problem-codes.ts';

/** A request that the API refuses with one of its codes. */
export const Problem = AnyProblem<ProblemCode>;
export type Problem = AnyProblem<ProblemCode>;
