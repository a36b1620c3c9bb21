import {
  attemptsOfOrders,
  claimAttempt,
  endCall,
  insertAttempt,
  lockOrders,
  moveOrders,
  type PaymentAttempt,
  postpone,
  recordChange,
} from '@antrean/db';
import {
  attemptIdOf,
  decideLinkAnswer,
  decideWithoutLink,
  gatewaysToAsk,
  nextStatusCheckAt,
  isLiveAttempt,
  type LinkAnswer,
  mayFallBackFrom,
  ONLINE_GATEWAYS,
  type OnlineGateway,
} from '@antrean/domain';
import { hasOneOf, meaningOf } from '@antrean/payments';
import { RetryLaterError } from '@antrean/queue';
import type { JobDependencies } from '../dependencies.ts';
import { publishOrders } from '../orders/publish-orders.ts';
import { mayBePaid, PaymentNotReadyError } from './gateway-calls.ts';
import { awaitPayment, RETRY_SOON_MS, nextNumber, type OrderToPay } from './open-payment.ts';

/**
 * Makes a payment link at the first gateway that accepts the order, and gives it to the customer. The attempt's row
 * is committed before the call. An unfinished attempt is resumed under the same id. Another gateway is tried only if
 * the customer has no open payment.
 */
export async function makePaymentLink(
  deps: JobDependencies,
  order: OrderToPay,
  jobId: string,
): Promise<void> {
  const { db, log } = deps;
  const { orderId, requestId, totalRupiah, payBefore } = order;
  const attempts = await attemptsOfOrders(db, [orderId]);
  const unfinished = attempts.find(({ state }) => isLiveAttempt(state));
  const resumed = unfinished && (await claim(deps, unfinished, jobId));

  const answers: LinkAnswer[] = [];
  const { onlineMethods, returnUrl } = order;
  // An attempt whose storefront has since given up all methods of its gateway is only ended.
  const isOffered = (name: OnlineGateway) => hasOneOf(name, onlineMethods);
  const gateways = deps.gateways.filter(({ name }) => isOffered(name) || name === resumed?.gateway);
  for (const gateway of gatewaysToAsk(gateways, attempts, resumedAt(resumed))) {
    const isResumed = gateway.name === resumed?.gateway;
    const attempt = isResumed ? resumed : await newAttempt(deps, order, attempts, gateway.name, jobId);
    if (attempt === undefined) {
      await publishOrders(deps, [orderId]);
      return;
    }
    const outcome = isOffered(gateway.name)
      ? await gateway.create({
          attemptId: attempt.id,
          amountRupiah: totalRupiah,
          expiresAt: payBefore,
          customer: order.customer,
          description: `Pesanan ${orderId}`,
          ...(onlineMethods === null ? {} : { methods: onlineMethods }),
          ...(returnUrl === null ? {} : { returnUrl }),
        })
      : ({ kind: 'not_sent', code: 'method_not_offered' } as const);
    const meaning = meaningOf(outcome);
    // Calls that were not made, or one too many: an order that waits repeats them every few seconds.
    log[meaning === 'nothing' ? 'debug' : 'info'](
      { orderId, requestId, attemptId: attempt.id, gateway: gateway.name, outcome: outcome.kind },
      'payment link requested',
    );
    if (outcome.kind === 'active')
      return activateLink(deps, attempt, { url: outcome.url, gatewayRef: outcome.gatewayRef });
    const { kind, code } = outcome;
    const answer = { kind, code, meaning };
    if (isOffered(gateway.name)) answers.push(answer);
    const now = deps.now();
    const ageMs = now.getTime() - attempt.createdAt.getTime();
    const { attemptTo, next } = decideLinkAnswer(answer, { isResumed, ageMs });
    const nextPollAt = nextStatusCheckAt(attemptTo, now);
    if (!(await endCall(db, attempt, attemptTo, { failureCode: code, nextPollAt }))) return;
    if (next === 'same_again')
      throw new PaymentNotReadyError(
        `${gateway.name} gave no clear answer for ${attempt.id} (${code}); the same attempt is retried.`,
      );
  }
  const decision = decideWithoutLink(answers);
  if (decision.kind === 'refused') return refuseOnline(deps, order, answers);
  const message = 'No gateway accepted the payment; the order keeps its stock and the job is retried.';
  // Waiting does not count as a failure of the job.
  if (decision.kind === 'wait') throw new RetryLaterError(message, decision.afterMs);
  throw new PaymentNotReadyError(message);
}

/** Every gateway has declined the order for good: its customer is offered a transfer, and an operator told once. */
async function refuseOnline(
  deps: JobDependencies,
  { orderId, payBefore, isPaymentRefused }: OrderToPay,
  answers: readonly LinkAnswer[],
): Promise<void> {
  const codes = answers.map(({ code }) => code).join(', ');
  const isNew = await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    if (order?.state !== 'reserved' || order.paymentMethod !== 'online') return false;
    // Nothing else is due before the deadline, unless the customer asks for another payment method.
    if (isPaymentRefused) await postpone(trx, orderId, payBefore);
    else
      await recordChange(trx, order, {
        ...{ actor: 'worker', reason: `every gateway declined the payment (${codes})` },
        ...{ paymentRefusedAt: deps.now(), dueAt: payBefore },
      });
    return !isPaymentRefused;
  });
  if (isNew)
    deps.log.error(
      { orderId, codes },
      'every gateway declined the payment of an order; its customer is offered a bank transfer: see the order with ./ops show',
    );
  await publishOrders(deps, [orderId]);
}

const resumedAt = (attempt: PaymentAttempt | undefined): OnlineGateway | undefined =>
  ONLINE_GATEWAYS.find((name) => name === attempt?.gateway);

async function claim(deps: JobDependencies, attempt: PaymentAttempt, jobId: string): Promise<PaymentAttempt> {
  const claimed = await claimAttempt(deps.db, attempt.id, jobId, deps.now());
  if (claimed === undefined) {
    throw new RetryLaterError(`Another call for ${attempt.id} may be in progress.`, RETRY_SOON_MS);
  }
  return claimed;
}

/**
 * Makes a new attempt at this gateway, or resends one that never reached it. Undefined if the order has changed
 * meanwhile, for example was cancelled, or may be paid already. The row is inserted under the order's lock, so that closing the order finds
 * it.
 */
async function newAttempt(
  deps: JobDependencies,
  { orderId, totalRupiah, payBefore }: OrderToPay,
  attempts: PaymentAttempt[],
  gateway: OnlineGateway,
  jobId: string,
): Promise<PaymentAttempt | undefined> {
  const earlier = attempts.findLast((attempt) => attempt.gateway === gateway);
  const isUsedUp = earlier?.outcome === 'wrong_amount';
  if (earlier !== undefined && !mayFallBackFrom(earlier.state) && !isUsedUp) {
    // Usually it was paid after the order was read; the next run finds the order paid.
    throw new RetryLaterError(
      `${earlier.id} is ${earlier.state}: no other attempt may follow it.`,
      RETRY_SOON_MS,
    );
  }
  const attempt = await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [orderId]);
    if (order?.state !== 'reserved' || order.paymentMethod !== 'online') return undefined;
    if (await mayBePaid(trx, orderId)) return undefined;
    if (earlier?.state === 'not_sent') return claim({ ...deps, db: trx }, earlier, jobId);
    const number = nextNumber(attempts);
    const id = attemptIdOf(orderId, number, deps.gatewayIdPrefix);
    const expiresAt = payBefore;
    const row = { id, orderId, number, gateway, amountRupiah: totalRupiah, expiresAt, createdAt: deps.now() };
    return insertAttempt(trx, row, jobId);
  });
  if (attempt !== undefined) attempts.push(attempt);
  return attempt;
}

/**
 * Makes the link the order's open payment and publishes it. If the order has changed meanwhile, for example was
 * cancelled or has another payment method, or may be paid already, no customer gets the link.
 */
async function activateLink(
  deps: JobDependencies,
  attempt: PaymentAttempt,
  link: { url: string; gatewayRef: string },
): Promise<void> {
  await deps.db.transaction().execute(async (trx) => {
    const [order] = await lockOrders(trx, [attempt.orderId]);
    const isWanted =
      order?.state === 'reserved' &&
      order.paymentMethod === 'online' &&
      !(await mayBePaid(trx, attempt.orderId));
    const to = isWanted ? 'active' : 'abandoned';
    const nextPollAt = nextStatusCheckAt(to, deps.now());
    if (!(await endCall(trx, attempt, to, { ...link, nextPollAt })) || !isWanted) return;
    await moveOrders(trx, [awaitPayment(attempt, order.version)]);
  });
  await publishOrders(deps, [attempt.orderId]);
}
