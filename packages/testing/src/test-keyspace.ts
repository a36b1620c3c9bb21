import { randomBytes } from 'node:crypto';
import { Keyspace } from '@antrean/redis';

/** Redis keys of a test's own: all tests share one server. */
export const testKeyspace = (): Keyspace => new Keyspace(`test-${randomBytes(6).toString('hex')}`);
