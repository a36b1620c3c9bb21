// Runs order commands in random order, with the work of jobs in between, on a shop in memory that enforces
// PostgreSQL's rules.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CommandOutcomes,
  decideOrderCommands,
  type Effects,
  isLiveAttempt,
  type LoadedState,
  type OrderCommand,
  type OrderState,
  roundsOf,
} from '../src/index.ts';
import { MemoryStore, SKUS, type StoredAttempt, type StoredOrder } from './memory-store.ts';

const NOW = new Date('2030-01-01T00:00:00Z');
type Outcome = CommandOutcomes[OrderCommand['kind']];
type Decided = ReturnType<typeof decideOrderCommands>;

/** The next act: `pick` selects its target, `n` its variant. */
interface Act {
  what: (typeof ACTS)[number];
  pick: number;
  n: number;
}
const COMMANDS = [
  ...(['pay', 'pay', 'pay', 'correct', 'undo', 'external', 'void', 'release', 'close'] as const),
  ...(['refund', 'refund', 'end', 'end', 'ship', 'receive'] as const),
] as const;
const OF_AN_ORDER = COMMANDS.filter((what) => what !== 'receive');
const ACTS = [
  ...COMMANDS,
  ...(['place', 'attempt', 'attempt', 'expire', 'replace', 'proof', 'call', 'answer'] as const),
] as const;
const actsOf = (acts: readonly Act['what'][], length: { minLength: number; maxLength: number }) =>
  fc.array(fc.record<Act>({ what: fc.constantFrom(...acts), pick: fc.nat(11), n: fc.nat(23) }), {
    ...length,
    size: 'max',
  });

const picked = <T>(from: Iterable<T>, pick: number): T | undefined => {
  const all = [...from];
  return all[pick % Math.max(all.length, 1)];
};

class Shop {
  readonly store = new MemoryStore();
  readonly refundByItself: boolean;
  #serial = 0;

  constructor(refundByItself = true) {
    this.refundByItself = refundByItself;
  }

  /** Performs an act of a job. False if the act is a command. */
  act({ what, pick, n }: Act): boolean {
    const order = picked(this.store.orders.values(), pick);
    switch (what) {
      case 'place':
        this.place(n);
        return true;
      case 'attempt':
        if (order !== undefined) this.open(order, n);
        return true;
      case 'expire':
        if (order?.state === 'reserved' || order?.state === 'awaiting_payment')
          this.#set(order, 'closing', n % 3 === 0 ? 'cancelled' : 'not_paid_in_time');
        return true;
      case 'replace': {
        const open = order && this.#attemptsOf(order).find(({ state }) => state === 'active');
        if (order?.state !== 'awaiting_payment' || open === undefined) return true;
        open.state = 'closed';
        this.#set(order, 'reserved');
        return true;
      }
      case 'proof': {
        const transfer = order && this.#attemptsOf(order).find(({ state }) => state === 'active');
        // The proof extends the deadline beyond the run.
        if (order !== undefined && transfer?.gateway === 'bank_transfer')
          this.store.orders.set(order.orderId, { ...order, payBefore: new Date(8.64e15) });
        return true;
      }
      case 'call':
      case 'answer': {
        const refund = picked(this.store.refunds.values(), pick);
        if (refund === undefined) return true;
        const { state } = refund;
        if (what === 'call' && (state === 'requested' || state === 'unknown')) refund.state = 'sent';
        if (what === 'answer' && (state === 'sent' || state === 'pending'))
          refund.state = (['pending', 'unknown', 'requested'] as const)[n % 3] ?? 'pending';
        return true;
      }
      default:
        return false;
    }
  }

  place(n: number): string {
    this.#serial += 1;
    const orderId = `order-${this.#serial}`;
    const product = n % 2;
    const isSale = n % 3 > 0;
    this.store.place({
      ...{ orderId, sku: SKUS[product] ?? '', quantity: 1 + (n % 4 === 3 ? 1 : 0) },
      flashSaleItemId: isSale ? product : null,
      buyerKeys: isSale ? [`buyer-${n % 5}`, 'everybody'].slice(0, 1 + (n % 2)) : [],
    });
    return orderId;
  }

  /** Makes an attempt as create-payment does. The order awaits payment once a customer has the link. */
  open(order: StoredOrder, n: number): string | undefined {
    const earlier = this.#attemptsOf(order);
    if (order.state !== 'reserved' || earlier.some(({ state }) => isLiveAttempt(state))) return undefined;
    const id = `${order.orderId}-${earlier.length + 1}`;
    const gateway = (['midtrans', 'xendit', 'bank_transfer'] as const)[n % 3] ?? 'midtrans';
    const isTransfer = gateway === 'bank_transfer';
    const states = ['active', 'active', 'active', 'sent', 'unknown', 'declined', 'not_sent'] as const;
    const state = isTransfer ? 'active' : (states[Math.floor(n / 3) % states.length] ?? 'active');
    const total = order.totalRupiah ?? 0;
    this.store.attempts.set(id, {
      ...{ id, orderId: order.orderId, gateway, state, amountRupiah: total + (isTransfer ? 123 : 0) },
      ...{ transactionId: null, method: null, outcome: null, receivedRupiah: null, returnedRupiah: 0 },
      customerFeeRupiah: 0,
      ...{ takenBackRupiah: 0, timesUndone: 0, disputedAt: null },
    });
    if (state === 'active') this.#set(order, 'awaiting_payment');
    return id;
  }

  /** The command of an act; undefined if no target exists. */
  command({ what, pick, n }: Act, about?: StoredOrder): OrderCommand | undefined {
    if (what === 'receive') {
      const sku = [...SKUS, 'NOPE'][pick % 3] ?? 'NOPE';
      return {
        kind: 'receive',
        sku,
        quantity: 1,
        reference: `DO-${n % 4}`,
        actor: 'admin',
        reason: 'goods receipt',
      };
    }
    const order = about ?? picked(this.store.orders.values(), pick);
    if (order === undefined) return undefined;
    const { orderId } = order;
    const why = { actor: 'admin', reason: 'asked for' };
    switch (what) {
      case 'void':
        return { kind: 'void', orderId, ...why };
      case 'release':
        return { kind: 'release_hold', orderId, ...why, unlessDisputed: n % 2 === 0 };
      case 'ship':
        return { kind: 'ship', orderId, carrier: 'JNE', trackingNumber: `T-${n}`, actor: 'shop' };
      case 'close': {
        const open = this.#attemptsOf(order).find(({ state }) => state === 'active');
        return { kind: 'close', orderId, closedAttemptId: n % 4 === 0 ? undefined : open?.id };
      }
      default:
        return this.#moneyCommand(what, order, n);
    }
  }

  #moneyCommand(what: Act['what'], order: StoredOrder, n: number): OrderCommand | undefined {
    const { orderId } = order;
    const attempt = picked(this.#attemptsOf(order).toReversed(), n % 5 === 4 ? 1 : 0);
    if (attempt === undefined) return undefined;
    const { id: attemptId, gateway: actor } = attempt;
    const of = { orderId, attemptId };
    // Banks do not report reversals and refunds of transfers.
    if (actor === 'bank_transfer' && (what === 'undo' || what === 'external')) return undefined;
    switch (what) {
      case 'pay': {
        // Some customers pay the gateway's fee on top.
        const customerFeeRupiah = actor !== 'bank_transfer' && n % 5 === 2 ? 71 : 0;
        const whole = attempt.amountRupiah + customerFeeRupiah + ([0, 0, 0, 0, 0, -1][n % 6] ?? 0);
        // Some transfers come in three parts.
        const isPart = actor === 'bank_transfer' && n > 11;
        const amountRupiah = isPart ? ([10_000, 20_000, attempt.amountRupiah - 30_000][n % 3] ?? 1) : whole;
        const currency = n === 22 ? 'USD' : 'IDR';
        const transactionId = `${attemptId}/${actor === 'bank_transfer' ? ['tx', 'tx', 'again', 'third'][n % 4] : 'tx'}`;
        const fee = n % 4 === 0 ? { feeRupiah: 700 } : {};
        const received = {
          ...{ amountRupiah, customerFeeRupiah, currency, transactionId, ...fee },
          mayReverse: n % 3 === 1,
        };
        return { kind: 'pay', ...of, received, actor };
      }
      case 'correct': {
        if (actor !== 'bank_transfer') return undefined;
        const bankReference = `${attemptId}/${['tx', 'again', 'third'][n % 3]}`;
        return { kind: 'correct_transfer', ...of, bankReference, actor: 'admin', reason: 'mistyped' };
      }
      case 'undo': {
        const how = (['reversal', 'chargeback', 'partial_chargeback'] as const)[n % 3] ?? 'reversal';
        return { kind: 'undo', ...of, how, actor };
      }
      case 'external': {
        const backRupiah = [0, 10_000, 30_000, attempt.amountRupiah][n % 4] ?? 0;
        return { kind: 'record_external_refund', ...of, backRupiah, actor };
      }
      case 'refund': {
        const left = (attempt.receivedRupiah ?? 0) - attempt.returnedRupiah;
        const amountRupiah = Math.max([10_000, left, left, left + 1, 10_000][n % 5] ?? 0, 1);
        const mine = this.store.exceptions.filter((exception) => exception.attemptId === attemptId);
        const exceptionId = n % 4 === 0 ? (picked(mine, n)?.id ?? null) : n === 23 ? 999 : null;
        const refundId = `ad-${attemptId}-${n % 6}`;
        return {
          kind: 'request_refund',
          ...of,
          refundId,
          amountRupiah,
          exceptionId,
          reason: 'rusak',
          actor: 'admin',
        };
      }
      case 'end': {
        const ids = new Set(this.#attemptsOf(order).map(({ id }) => id));
        const refunds = [...this.store.refunds.values()].filter((refund) => ids.has(refund.attemptId));
        const refund = picked(refunds, n);
        if (refund === undefined) return undefined;
        const how = [
          { outcome: 'succeeded', feeRupiah: 500 },
          { outcome: 'refused', failureCode: '412' },
          { outcome: 'manual_refund', failureCode: '418' },
          { outcome: 'succeeded', bankReference: `BCA-${n}` },
        ] as const;
        return { kind: 'end_refund', orderId, refundId: refund.id, actor, ...(how[n % 4] ?? how[0]) };
      }
      default:
        throw new Error(`${what} is not a command.`);
    }
  }

  decide(commands: readonly OrderCommand[]): Decided {
    const loaded = deepFrozen(this.store.load(commands));
    return decideOrderCommands(loaded, commands, { now: NOW, refundByItself: this.refundByItself });
  }

  /** Applies a batch as the worker does. An order that is shown otherwise afterwards has another version. */
  apply(commands: readonly OrderCommand[]): Outcome[] {
    const ids = new Set(commands.flatMap((command) => ('orderId' in command ? [command.orderId] : [])));
    const before = [...ids].map((id) => ({ order: this.store.order(id), shown: this.store.shown(id) }));
    const outcomes = this.#apply(commands);
    for (const { order, shown } of before)
      if (this.store.order(order.orderId).version === order.version)
        expect(this.store.shown(order.orderId), JSON.stringify(commands)).toEqual(shown);
    return outcomes;
  }

  #apply(commands: readonly OrderCommand[]): Outcome[] {
    const outcomes: Outcome[] = [];
    for (const round of roundsOf(commands)) {
      const ofRound = round.map((place) => commands[place] as OrderCommand);
      const loaded = deepFrozen(this.store.load(commands));
      const decided = decideOrderCommands(loaded, ofRound, { now: NOW, refundByItself: this.refundByItself });
      this.store.write(decided.effects);
      for (const [index, place] of round.entries()) outcomes[place] = decided.outcomes[index] as Outcome;
    }
    return outcomes;
  }

  #attemptsOf({ orderId }: StoredOrder): StoredAttempt[] {
    return [...this.store.attempts.values()].filter((attempt) => attempt.orderId === orderId);
  }

  #set(order: StoredOrder, state: OrderState, closingReason = order.closingReason): void {
    const { orderId, version } = order;
    this.store.orders.set(orderId, { ...order, state, closingReason, version: version + 1 });
  }
}

/** Frozen, so that a write to the loaded state throws. */
function deepFrozen(loaded: LoadedState): LoadedState {
  for (const rows of Object.values(loaded))
    for (const row of Object.freeze(rows))
      for (const value of Object.values(Object.freeze(row))) Object.freeze(value);
  return Object.freeze(loaded);
}

const sum = (amounts: Iterable<number>): number => [...amounts].reduce((total, rupiah) => total + rupiah, 0);

/** Invariants that the store itself does not enforce. */
function checkInvariants({ store }: Shop): void {
  for (const order of store.orders.values()) {
    const attempts = [...store.attempts.values()].filter(({ orderId }) => orderId === order.orderId);
    expect(attempts.filter(({ outcome }) => outcome === 'paid').length, 'pay one order').toBeLessThan(2);
    checkMoneyOf(store, order, attempts);
    for (const attempt of attempts) checkReturned(store, attempt);
  }
  for (const row of store.stock.values()) {
    const inState = (...states: OrderState[]) =>
      sum(
        [...store.orders.values()]
          .filter(({ sku, state }) => sku === row.sku && states.includes(state))
          .map(({ quantity }) => quantity),
      );
    const received = store.stockMovements.filter(
      ({ kind, productId }) => kind === 'receive' && productId === row.productId,
    );
    const sent = [...store.shipments.keys()]
      .map((id) => store.order(id))
      .filter(({ sku }) => sku === row.sku);
    expect(row).toMatchObject({
      reserved: inState('reserved', 'awaiting_payment', 'closing'),
      committed: inState('paid', 'payment_hold'),
      onHand: 3 + sum(received.map(({ quantity }) => quantity)) - sum(sent.map(({ quantity }) => quantity)),
    });
  }
}

/** An order's ledger agrees with its attempts and refunds, as `auditMoney` checks. */
function checkMoneyOf(store: MemoryStore, order: StoredOrder, attempts: readonly StoredAttempt[]): void {
  const { orderId, state, totalRupiah } = order;
  const rows = [...store.money, ...store.fees].filter((row) => row.orderId === orderId);
  const accounts = new Map<string, number>();
  for (const { debit, credit, amountRupiah } of rows) {
    accounts.set(debit, (accounts.get(debit) ?? 0) + amountRupiah);
    accounts.set(credit, (accounts.get(credit) ?? 0) - amountRupiah);
  }
  expect(sum(accounts.values()), 'all accounts').toBe(0);
  const undoneOf = (...kinds: string[]) =>
    sum(rows.filter(({ kind }) => kinds.includes(kind)).map((row) => row.amountRupiah));
  const undone = undoneOf('sale_undone', 'transfer_code_undone');
  const feeUndone = undoneOf('customer_fee_undone');
  const transfer = attempts.find(({ outcome, gateway }) => outcome === 'paid' && gateway === 'bank_transfer');
  const isSold = state === 'paid' || state === 'payment_hold' || state === 'shipped';
  const sold = isSold ? (transfer?.amountRupiah ?? totalRupiah ?? 0) - undone : 0;
  const paying = attempts.find(({ outcome }) => outcome === 'paid');
  // The fee stays at the gateway when the price alone is refunded.
  const fee = isSold || state === 'refunded' ? (paying?.customerFeeRupiah ?? 0) - feeUndone : 0;
  const ids = new Set(attempts.map(({ id }) => id));
  const refunded = [...store.refunds.values()].filter(
    (refund) => ids.has(refund.attemptId) && refund.state === 'succeeded',
  );
  const owed =
    sold +
    fee -
    sum(attempts.map(({ receivedRupiah }) => receivedRupiah ?? 0)) +
    sum(refunded.map(({ amountRupiah }) => amountRupiah)) +
    sum(attempts.map(({ takenBackRupiah }) => takenBackRupiah));
  expect(accounts.get('customer') ?? 0, `owed by the customer of ${orderId}, ${state}`).toBe(owed);
}

/** More than the received amount is returned only with an exception. */
function checkReturned(
  store: MemoryStore,
  { id, receivedRupiah, returnedRupiah, takenBackRupiah }: StoredAttempt,
): void {
  const refunds = [...store.refunds.values()].filter(({ attemptId }) => attemptId === id);
  const counted = refunds.filter(({ state }) => state !== 'refused');
  expect(returnedRupiah).toBeLessThanOrEqual(sum(counted.map(({ amountRupiah }) => amountRupiah)));
  const gone = sum(
    refunds.filter(({ state }) => state === 'succeeded').map(({ amountRupiah }) => amountRupiah),
  );
  if (gone + takenBackRupiah <= (receivedRupiah ?? 0)) return;
  const twice = store.exceptions.some(
    ({ kind, attemptId }) => kind === 'paid_back_twice' && attemptId === id,
  );
  expect(twice, `more than ${id} received was returned`).toBe(true);
}

/** Effects that change PostgreSQL: an exception that exists is not opened again. */
function newEffects({ store }: Shop, effects: Effects): Effects {
  const { newExceptions = [], ...others } = effects;
  const unknown = newExceptions.filter(
    (one) => !store.exceptions.some(({ kind, subject }) => kind === one.kind && subject === one.subject),
  );
  return unknown.length === 0 ? others : { ...others, newExceptions: unknown };
}

/** A shop with a first order, after these acts. */
function shopAfter(acts: readonly Act[], refundByItself = true): Shop {
  const shop = new Shop(refundByItself);
  shop.place(0);
  for (const act of acts) {
    if (shop.act(act)) continue;
    const command = shop.command(act);
    if (command !== undefined) shop.apply([command]);
  }
  return shop;
}

describe('order commands in random order', () => {
  const acts = actsOf(ACTS, { minLength: 10, maxLength: 40 });

  it('keep stock, money and lifecycles consistent one by one', () => {
    fc.assert(
      fc.property(acts, fc.boolean(), (all, refundByItself) => {
        const shop = new Shop(refundByItself);
        shop.place(0);
        for (const act of all) {
          const command = shop.act(act) ? undefined : shop.command(act);
          if (command !== undefined) shop.apply([command]);
          checkInvariants(shop);
        }
      }),
      { numRuns: 800 },
    );
  });

  it('keep stock, money and lifecycles consistent in batches of many orders', () => {
    fc.assert(
      fc.property(
        acts,
        fc.array(actsOf(COMMANDS, { minLength: 2, maxLength: 12 }), { maxLength: 4 }),
        (before, batches) => {
          const shop = shopAfter(before);
          for (const batch of batches) {
            shop.apply(batch.flatMap((act) => shop.command(act) ?? []));
            checkInvariants(shop);
          }
        },
      ),
      { numRuns: 700 },
    );
  });

  it('are idempotent: repeated, they change nothing more and have the same outcome', () => {
    fc.assert(
      fc.property(acts, actsOf(COMMANDS, { minLength: 1, maxLength: 1 }), (before, [act]) => {
        const shop = shopAfter(before);
        const command = act && shop.command(act);
        if (command === undefined) return;
        shop.apply([command]);
        const [second] = [shop.decide([command])];
        expect(newEffects(shop, second.effects)).toEqual({});
        expect(shop.apply([command])).toEqual(second.outcomes);
        expect(shop.decide([command]).outcomes).toEqual(second.outcomes);
      }),
      { numRuns: 800 },
    );
  });

  it('of one order have the same result in a batch as one by one', () => {
    fc.assert(
      fc.property(
        acts,
        actsOf(OF_AN_ORDER, { minLength: 2, maxLength: 6 }),
        fc.nat(11),
        (before, batch, pick) => {
          const [apart, together] = [shopAfter(before), shopAfter(before)];
          const order = picked(together.store.orders.values(), pick);
          if (order === undefined) return;
          const commands = batch.flatMap((act) => together.command(act, order) ?? []);
          expect(together.apply(commands)).toEqual(commands.flatMap((command) => apart.apply([command])));
          expect(together.store).toEqual(apart.store);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('are deterministic and do not change their input', () => {
    fc.assert(
      fc.property(acts, actsOf(COMMANDS, { minLength: 1, maxLength: 8 }), (before, batch) => {
        const shop = shopAfter(before);
        const commands = batch.flatMap((act) => shop.command(act) ?? []);
        const [round = []] = roundsOf(commands);
        const first = round.map((place) => commands[place] as OrderCommand);
        expect(shop.decide(first)).toEqual(shop.decide(first));
      }),
      { numRuns: 300 },
    );
  });
});
