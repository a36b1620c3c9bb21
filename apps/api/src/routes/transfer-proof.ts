import { askedJobId } from '@antrean/queue';
import { z } from 'zod';
import { askingRedis, nameOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { askedPaymentAnswer, orderParams, orderQuery } from '../schemas.ts';
import { fingerprintOf } from '../tokens.ts';

/** Where the proof is, in the storefront's words, as the name of a file in its store: no file is sent here. */
const proofBody = z
  .strictObject({ reference: text(300) })
  .meta({ examples: [{ reference: 'uploads/bukti-7.jpg' }] });

/**
 * Says where the proof of a bank transfer is, for its storefront's secret key or for whoever has the order's token.
 * Answers before a worker has written it down; asking again is safe.
 */
export function transferProofRoute(app: ApiRouter, deps: ApiDependencies): void {
  const config = {
    access: { scope: 'change', orToken: true },
    closedBy: ['maintenance', 'read_only'],
    problems: ['no_transfer_expected'],
  } as const;
  const schema = {
    operationId: 'attachTransferProof',
    summary: 'Attach a proof of bank transfer',
    description: "By its name in the storefront's own store: no file is uploaded here. Retrying is safe.",
    tags: ['payments'],
    params: orderParams,
    querystring: orderQuery,
    body: proofBody,
    response: { 202: askedPaymentAnswer },
  };
  app.post<StatusRequest & { Body: z.output<typeof proofBody> }>(
    '/v1/orders/:orderId/transfer-proof',
    { config, schema },
    async (request, reply) => {
      const { reference } = request.body;
      const { orderId, status, payment } = (await readRecord(deps, request)).status;
      const attemptId =
        // Also in the minute after the deadline, while the order's stock is still held.
        (status === 'awaiting_payment' || status === 'closing') &&
        payment?.state === 'payable' &&
        payment.method === 'bank_transfer'
          ? payment.attemptId
          : undefined;
      if (attemptId === undefined) {
        throw new Problem(
          'no_transfer_expected',
          status === 'reserved' || status === 'awaiting_payment'
            ? 'Ask for bank_transfer first, and wait until payment.transfer is in the status of the order.'
            : `The order is ${status}. Where money was sent, ask the shop.`,
        );
      }
      const jobId = askedJobId('attach-transfer-proof', `${attemptId}-${fingerprintOf(reference)}`);
      const payload = {
        orderId,
        requestId: request.id,
        attemptId,
        reference,
        requestedBy: nameOf(request.caller),
      };
      await askingRedis(request, () => deps.producer.add('attach-transfer-proof', payload, jobId));
      request.log.info({ orderId, attemptId }, 'proof of transfer attached');
      return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status, payment });
    },
  );
}
