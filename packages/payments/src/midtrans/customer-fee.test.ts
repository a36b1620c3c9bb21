import { describe, expect, it } from 'vitest';
import { customerFeeOf } from './customer-fee.ts';

const info = { original_amount: '10000', gross_amount: '10071', customer_imposed_payment_fee: '71' };
const fee = (change: object = {}) =>
  customerFeeOf({ metadata: { extra_info: { gross_amount_info: { ...info, ...change } } } }, 10_071);

describe('the fee that Midtrans charges a customer', () => {
  it('is explained in metadata, or beside it', () => {
    expect(fee()).toBe(71);
    expect(customerFeeOf({ extra_info: { gross_amount_info: info } }, 10_071)).toBe(71);
    expect(fee({ original_amount: 10_000, customer_imposed_payment_fee: '71.00' })).toBe(71);
    expect(fee({ gross_amount: null })).toBe(71);
  });

  it.each([
    [{ customer_imposed_payment_fee: '70' }],
    [{ original_amount: '10001' }],
    [{ gross_amount: '10100' }],
    [{ customer_imposed_payment_fee: null }],
    [{ original_amount: '10100', customer_imposed_payment_fee: '-29' }],
    [{ original_amount: '10000.5', customer_imposed_payment_fee: '70.5' }],
    [{ original_amount: '0', customer_imposed_payment_fee: '10071' }],
  ])('is none when the parts do not add up: %o', (change) => {
    expect(fee(change)).toBe(0);
  });

  it('is none without an explanation', () => {
    expect(customerFeeOf({}, 10_071)).toBe(0);
    expect(customerFeeOf({ metadata: null, extra_info: null }, 10_071)).toBe(0);
    expect(customerFeeOf({ metadata: { extra_info: null } }, 10_071)).toBe(0);
  });
});
