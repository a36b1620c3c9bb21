import { COMMON_PROBLEMS } from '@antrean/http';

/** Every error of the admin API: stable code, HTTP status and general title. */
export const PROBLEMS = {
  ...COMMON_PROBLEMS,
  unauthorized: { status: 401, title: 'The admin token is missing or not valid.' },
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
