import { createSale, listSales } from './flash-sales.ts';
import type { Command } from './command.ts';
import {
  confirmTransfer,
  listExceptions,
  listTransfers,
  money,
  recordPayout,
  refund,
  rejectTransfer,
  releaseOrder,
  resolveException,
  settlement,
  strayTransfer,
  voidOrder,
} from './payments.ts';
import { putProducts } from './products.ts';
import { receive } from './stock.ts';
import { createKey, listKeys, revokeKey, setStorefront } from './storefronts.ts';
import { setNotice, showSwitches, turnSwitch } from './switches.ts';

/** What operators do by hand, by the word that stands first. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  receive,
  products: putProducts,
  'flash-sale': createSale,
  'flash-sales': listSales,
  transfers: listTransfers,
  'confirm-transfer': confirmTransfer,
  'reject-transfer': rejectTransfer,
  exceptions: listExceptions,
  'resolve-exception': resolveException,
  refund,
  'paid-out': recordPayout,
  release: releaseOrder,
  void: voidOrder,
  'stray-transfer': strayTransfer,
  money,
  settlement,
  storefront: setStorefront,
  'create-key': createKey,
  keys: listKeys,
  'revoke-key': revokeKey,
  switch: turnSwitch,
  notice: setNotice,
  switches: showSwitches,
};
