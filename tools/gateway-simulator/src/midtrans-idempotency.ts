import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Switches } from './switches.ts';

const REMEMBERED_MS = 300_000;
const MAX_KEY_LENGTH = 46;

/**
 * `Idempotency-Key` of Core's POSTs; an empty one is none, as the Ruby client sends one with every request: a success is replayed for five minutes, also for another body, and a retry while the
 * first request runs gets a 202. A switch applies it to Snap's create. https://docs.midtrans.com/reference/api-headers
 */
export function replayByKey(app: FastifyInstance, switches: Switches) {
  const seen = new Map<string, { at: number; code: number; body: string | undefined }>();
  const keys = new WeakMap<FastifyRequest, string>();

  app.addHook('onSend', async (req, reply, payload) => {
    const key = keys.get(req);
    if (key === undefined || typeof payload !== 'string') return payload;
    const isSuccess = reply.statusCode < 300 && /"status_code":"(20[01]|407)"|"token"/.test(payload);
    if (isSuccess) seen.set(key, { at: Date.now(), code: reply.statusCode, body: payload });
    else seen.delete(key);
    return payload;
  });
  return async (req: FastifyRequest, reply: FastifyReply) => {
    const given = req.headers['idempotency-key'];
    const isSnap = req.url.startsWith('/snap/');
    if (typeof given !== 'string' || given === '' || given.length > MAX_KEY_LENGTH) return;
    if (isSnap && !switches.midtransIdempotentCreate) return;
    const key = `${req.url} ${given}`;
    const earlier = seen.get(key);
    if (!earlier || Date.now() - earlier.at > REMEMBERED_MS) {
      seen.set(key, { at: Date.now(), code: 0, body: undefined });
      keys.set(req, key);
    } else if (earlier.body === undefined) {
      await reply
        .code(202)
        .send({ status_code: '202', status_message: 'The first request is still running' });
    } else {
      await reply.code(earlier.code).type('application/json').send(earlier.body);
    }
  };
}
