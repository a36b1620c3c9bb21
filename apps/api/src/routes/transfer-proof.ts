import { askedJobId } from '@antrean/queue';
import { z } from 'zod';
import { callRedis, actorOf } from '../caller.ts';
import type { ApiRouter } from '../api-routes.ts';
import type { ApiDependencies } from '../dependencies.ts';
import { text } from '../order-body.ts';
import { Problem } from '../problems.ts';
import { readRecord, type StatusRequest } from '../read-status.ts';
import { queuedPaymentAnswer, orderParams, orderQuery } from '../schemas.ts';
import { fingerprintOf } from '../tokens.ts';

/** The storefront's reference to the proof, for example a file name in its store. No file is uploaded here. */
const proofBody = z
  .strictObject({ reference: text(300) })
  .meta({ examples: [{ reference: 'uploads/bukti-7.jpg' }] });

/**
 * Attaches the reference of a proof of transfer, with the storefront's secret key or the order's token. The answer
 * does not wait until a worker has recorded it. Retries are safe.
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
    description:
      "Sends the name of the file in the storefront's own store: no file is uploaded here. Retrying is safe.",
    tags: ['payments'],
    params: orderParams,
    querystring: orderQuery,
    body: proofBody,
    response: { 202: queuedPaymentAnswer },
  };
  app.post<StatusRequest & { Body: z.output<typeof proofBody> }>(
    '/v1/orders/:orderId/transfer-proof',
    { config, schema },
    async (request, reply) => {
      const { reference } = request.body;
      const { orderId, status, payment } = (await readRecord(deps, request)).status;
      const attemptId =
        // Also in the minute after the deadline, while the order's stock is still reserved.
        (status === 'awaiting_payment' || status === 'closing') &&
        payment?.state === 'payable' &&
        payment.method === 'bank_transfer'
          ? payment.attemptId
          : undefined;
      if (attemptId === undefined) {
        throw new Problem(
          'no_transfer_expected',
          status === 'reserved' || status === 'awaiting_payment'
            ? "Change the payment method to bank_transfer first, and wait until the order's status has payment.transfer."
            : `The order is ${status}. If the customer has sent money, contact the shop.`,
        );
      }
      const jobId = askedJobId('attach-transfer-proof', `${attemptId}-${fingerprintOf(reference)}`);
      const payload = {
        orderId,
        requestId: request.id,
        attemptId,
        reference,
        requestedBy: actorOf(request.caller),
      };
      await callRedis(request, () => deps.producer.add('attach-transfer-proof', payload, jobId));
      request.log.info({ orderId, attemptId }, 'proof of transfer queued');
      return reply.code(202).header('location', `/v1/orders/${orderId}`).send({ orderId, status, payment });
    },
  );
}
