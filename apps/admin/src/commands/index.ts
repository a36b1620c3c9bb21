import { flashSale, flashSales, products } from './catalogue.ts';
import type { Command } from './command.ts';
import { money, settlement } from './money.ts';
import { release, voidHeld } from './orders.ts';
import { outcome } from './outcome.ts';
import {
  confirm,
  correct,
  exceptions,
  paidOut,
  refund,
  reject,
  resolve,
  stray,
  strayPayments,
  transfers,
} from './payments.ts';
import { receive } from './stock.ts';
import {
  createKey,
  keys,
  paymentMethods,
  returnOrigins,
  revoke,
  storefront,
  storefronts,
  timeToPay,
} from './storefronts.ts';
import { notice, switches, turnSwitch } from './switches.ts';

/** The operator's commands by name. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  receive,
  products,
  'flash-sale': flashSale,
  'flash-sales': flashSales,
  transfers,
  'confirm-transfer': confirm,
  'correct-transfer': correct,
  'reject-transfer': reject,
  exceptions,
  'resolve-exception': resolve,
  refund,
  'paid-out': paidOut,
  release,
  void: voidHeld,
  'stray-transfer': stray,
  'stray-payments': strayPayments,
  money,
  settlement,
  storefront,
  storefronts,
  'time-to-pay': timeToPay,
  'payment-methods': paymentMethods,
  'return-origins': returnOrigins,
  'create-key': createKey,
  keys,
  'revoke-key': revoke,
  switch: turnSwitch,
  notice,
  switches,
  outcome,
};
