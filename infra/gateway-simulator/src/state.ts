import type { SimulatorConfig } from './config.ts';

export interface Payment {
  gateway: 'midtrans' | 'xendit';
  orderId: string;
  gatewayRef: string;
  amountRupiah: number;
  method: string;
  paidAt: string;
}

export type Send = (url: string, headers: Record<string, string>, body: unknown) => void;

/** What both gateways share. Held in memory: a restart forgets every instrument. */
export interface Shared {
  config: SimulatorConfig;
  /** The simulator's own record of money received, to compare with what the shop believes. */
  payments: Payment[];
  send: Send;
}

export const basic = (key: string): string => `Basic ${Buffer.from(`${key}:`).toString('base64')}`;

/** A GMT+7 wall clock without a zone, as Midtrans writes times. */
export const wib = (d: Date): string =>
  new Date(d.getTime() + 7 * 3_600_000).toISOString().slice(0, 19).replace('T', ' ');

export function parseJson(body: unknown): unknown {
  if (typeof body !== 'string' || body === '') return null;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
