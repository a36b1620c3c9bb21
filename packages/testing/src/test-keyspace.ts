import { randomBytes } from 'node:crypto';
import { Keyspace } from '@antrean/redis';

/** A test's own Redis keys, as all tests share one server. */
export const testKeyspace = (): Keyspace => new Keyspace(`test-${randomBytes(6).toString('hex')}`);
