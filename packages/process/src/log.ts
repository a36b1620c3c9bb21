import { type DestinationStream, type Logger, pino } from 'pino';
import type { LOG_LEVELS } from './config.ts';

export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLog(name: string, level: LogLevel, destination?: DestinationStream): Logger {
  const options = { name, level, serializers: { err: describeError } };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * The logged fields of an error. Others are left out: PostgreSQL quotes the row in `detail` and `where`,
 * ioredis the arguments of its command, axios and the gateways' SDKs the request with its key.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: typeof error };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
    ...(error instanceof AggregateError ? { errors: error.errors.map(describeError) } : {}),
  };
}
