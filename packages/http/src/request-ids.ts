import { randomBytes } from 'node:crypto';

const ID_BYTES = 16;
const IDS_AT_ONCE = 256;

/**
 * Random, so that an id does not reveal the number of requests. Made in batches, which costs half as much as a UUID.
 */
export function requestIds(): () => string {
  let bytes = Buffer.alloc(0);
  let at = 0;
  return () => {
    if (at === bytes.length) {
      bytes = randomBytes(IDS_AT_ONCE * ID_BYTES);
      at = 0;
    }
    at += ID_BYTES;
    return bytes.toString('hex', at - ID_BYTES, at);
  };
}
