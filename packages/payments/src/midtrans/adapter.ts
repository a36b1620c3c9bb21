import { z } from 'zod';
import { isAnswer } from '../calls.ts';
import {
  type CloseOutcome,
  type CreateOutcome,
  type GatewayStatus,
  httpFailure,
  namesOf,
  type PaymentGateway,
  type PaymentReference,
  type PaymentRequest,
  refusePaymentReference,
  refuseRequest,
  transportFailure,
  type Urgency,
} from '../gateway.ts';
import { codeOf, createMidtransClient, type MidtransOptions } from './client.ts';
import { MIDTRANS_METHODS } from './methods.ts';
import { createStatusReader, idOf, type StatusAnswer } from './read-status.ts';
import { midtransRefunds } from './refunds.ts';
import { closedBy } from './status.ts';
import { createStrayStatusReader } from './stray-status.ts';

const created = z.object({ token: z.string().min(1), redirect_url: z.url({ protocol: /^https?$/ }) });
const sessionCancelled = z.object({ canceled_at: z.string() });
const errorBody = z.object({
  error_messages: z.array(z.string().nullable()).transform((texts) => texts.filter((text) => text !== null)),
});

/** In both languages that an account can be set to. */
const deadToken = /^token (already cancell?ed|not found|sudah dibatalkan|tidak ditemukan)$/i;

const wib = (d: Date): string =>
  `${new Date(d.getTime() + 7 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ')} +0700`;

/** Snap needs at least five minutes. Part minutes are dropped so that the page never outlives the order. */
function expiry(expiresAt: Date, now: Date): Record<string, unknown> {
  const duration = Math.max(5, Math.floor((expiresAt.getTime() - now.getTime()) / 60_000));
  return {
    expiry: { start_time: wib(now), unit: 'minute', duration },
    page_expiry: { unit: 'minute', duration },
  };
}

export function createMidtransGateway(o: MidtransOptions): PaymentGateway {
  const client = createMidtransClient(o);
  const { snap, call } = client;
  const readStatus = createStatusReader(client);

  /**
   * Works only until the customer has chosen a method. `dead`: no method can be chosen any more. The documentation
   * names no HTTP codes, so the messages decide.
   */
  async function cancelSession(
    token: string,
    attemptId: string,
    urgency: Urgency,
  ): Promise<'dead' | 'refused' | { unclear: string }> {
    const answer = await client.cancelSession(token, { operation: 'cancel_session', attemptId, urgency });
    if (!isAnswer(answer)) return { unclear: answer.code };
    const status = codeOf(answer);
    if (status < 300)
      return sessionCancelled.safeParse(answer.body).success ? 'dead' : { unclear: 'bad_answer' };
    const messages = errorBody.safeParse(answer.body).data?.error_messages ?? [];
    if (messages.length === 0 || status < 400 || status >= 500 || [401, 403, 408, 429].includes(status))
      return { unclear: `http_${status}` };
    // The first message: an earlier answer was lost. The second: another token has replaced this one.
    return messages.some((message) => deadToken.test(message)) ? 'dead' : 'refused';
  }

  /**
   * Ends a page on which a transaction was denied. Its session cannot be cancelled, and takes another transaction. A new
   * session under the same order id replaces it, and is cancelled in turn. False if Midtrans does not allow that.
   */
  async function replacePage(
    { transaction: denied }: StatusAnswer,
    { attemptId }: PaymentReference,
    urgency: Urgency,
  ): Promise<boolean> {
    if (denied === undefined) return false;
    const answer = await call({ operation: 'create', attemptId, urgency }, () =>
      snap.createTransaction({
        transaction_details: { order_id: attemptId, gross_amount: Number(denied.gross_amount) },
        custom_field1: attemptId,
        ...expiry(new Date(), new Date()),
      }),
    );
    const made = isAnswer(answer) && codeOf(answer) < 300 ? created.safeParse(answer.body).data : undefined;
    return made !== undefined && (await cancelSession(made.token, attemptId, urgency)) === 'dead';
  }

  return {
    name: 'midtrans',
    async create(r: PaymentRequest, urgency: Urgency = 'customer'): Promise<CreateOutcome> {
      const refused = refuseRequest(r);
      if (refused) return refused;
      const answer = await call({ operation: 'create', attemptId: r.attemptId, urgency }, () =>
        snap.createTransaction({
          transaction_details: { order_id: r.attemptId, gross_amount: r.amountRupiah },
          item_details: [
            { id: 'order', name: r.description.slice(0, 50), price: r.amountRupiah, quantity: 1 },
          ],
          customer_details: {
            first_name: r.customer.name.slice(0, 255),
            email: r.customer.email,
            phone: r.customer.phone,
          },
          // Returned in every status, even when a payment method puts another id into order_id.
          custom_field1: r.attemptId,
          // The account may charge customers its fee on top of our amount.
          customer_imposed_payment_fee: { enable: false },
          // 3-D Secure: without it the shop bears a stolen card's chargeback.
          credit_card: { secure: true },
          ...(r.methods === undefined ? {} : { enabled_payments: namesOf(MIDTRANS_METHODS, r.methods) }),
          ...(r.returnUrl === undefined ? {} : { callbacks: { finish: r.returnUrl, error: r.returnUrl } }),
          ...expiry(r.expiresAt, new Date()),
        }),
      );
      if (!isAnswer(answer)) return transportFailure(answer.code);
      const code = codeOf(answer);
      if (code < 300) {
        const ok = created.safeParse(answer.body);
        if (!ok.success) return { kind: 'unknown', code: 'bad_answer' };
        return { kind: 'active', url: ok.data.redirect_url, gatewayRef: ok.data.token };
      }
      const messages = errorBody.safeParse(answer.body).data?.error_messages;
      if (messages === undefined && code !== 429) return { kind: 'unknown', code: `http_${code}` };
      const message = (messages ?? []).join('; ');
      // "Already taken" or "already paid": an earlier request for this attempt reached the gateway.
      if ([400, 406, 409].includes(code) && /order_id/.test(message) && !/required|wajib/.test(message))
        return { kind: 'unknown', code: 'duplicate_order_id' };
      return httpFailure(code, `http_${code}`, message);
    },

    async status(q, urgency = 'customer'): Promise<GatewayStatus> {
      const bad = refusePaymentReference(q);
      return bad === null ? (await readStatus(q, 'status', urgency)).status : { kind: 'unknown', code: bad };
    },

    /**
     * Before the customer chooses a method there is only a Snap session to cancel, afterwards only a transaction.
     */
    async close(q, urgency = 'customer'): Promise<CloseOutcome> {
      const bad = refusePaymentReference(q);
      if (bad !== null) return { kind: 'unknown', code: bad };
      const session =
        q.gatewayRef === undefined ? 'refused' : await cancelSession(q.gatewayRef, q.attemptId, urgency);
      if (typeof session === 'object') return { kind: 'unknown', code: session.unclear };
      const before = await readStatus(q, 'status', urgency);
      const isDenied = before.status.kind === 'closed' && before.status.reason === 'deny';
      if (isDenied && session === 'refused' && q.endPage === true && (await replacePage(before, q, urgency)))
        return { kind: 'closed' };
      if (before.status.kind !== 'pending') return closedBy(before.status, session === 'dead');
      const answer = await call({ operation: 'cancel', attemptId: q.attemptId, urgency }, () =>
        snap.transaction.cancel(idOf(before, q)),
      );
      const after = await readStatus(q, 'status', urgency);
      // 412 is a definite refusal. The effect of any other failure is unknown.
      if (after.status.kind === 'pending') {
        if (!isAnswer(answer)) return { kind: 'unknown', code: answer.code };
        const code = codeOf(answer);
        if (code >= 300 && code !== 412) return { kind: 'unknown', code: `http_${code}` };
      }
      return closedBy(after.status, session === 'dead');
    },

    ...midtransRefunds(client, readStatus, o.now),
    ...createStrayStatusReader(client),
    listPaid: () => Promise.resolve(undefined),
  };
}
