import { describe, expect, it } from 'vitest';
import { refundableFrom } from './refund-hours.ts';

/** A time of day in Western Indonesia Time. */
const wib = (time: string, day = '10') => new Date(`2030-01-${day}T${time}+07:00`);

describe('a refund by ShopeePay', () => {
  it.each([
    ['23:50:00', '06:05:00', '11'],
    ['23:59:59', '06:05:00', '11'],
    ['00:00:00', '06:05:00', '10'],
    ['06:04:59', '06:05:00', '10'],
  ])('at %s waits until %s', (at, until, day) => {
    expect(refundableFrom({ method: 'shopeepay' }, wib(at))).toEqual(wib(until, day));
    expect(refundableFrom({ method: 'qris', acquirer: 'airpay shopee' }, wib(at))).toEqual(wib(until, day));
  });

  it.each(['06:05:00', '12:00:00', '23:49:59'])('at %s is sent', (at) => {
    expect(refundableFrom({ method: 'shopeepay' }, wib(at))).toBeNull();
  });

  it('alone has such hours', () => {
    for (const by of [{ method: 'gopay' }, { method: 'qris', acquirer: 'gopay' }, { method: undefined }])
      expect(refundableFrom(by, wib('02:00:00'))).toBeNull();
  });
});
