import { describe, expect, it } from 'vitest';
import { decideStrayPayment } from './stray-payment.ts';

const event = { kind: 'unknown_order', claimsPaid: true, answer: 'paid' } as const;

describe('an event of a payment that no attempt expects', () => {
  it('is stored and counted by an exception once its gateway confirms it', () => {
    expect(decideStrayPayment(event, false)).toEqual({ state: 'confirmed', exception: 'unknown_order' });
    expect(decideStrayPayment({ ...event, kind: 'wrong_gateway' }, true)).toEqual({
      ...{ state: 'confirmed', exception: 'wrong_gateway' },
    });
  });

  it('of another system on the account is stored without an exception', () => {
    expect(decideStrayPayment({ ...event, kind: 'foreign' }, false)).toEqual({
      ...{ state: 'confirmed', exception: null },
    });
    expect(decideStrayPayment({ ...event, kind: 'foreign', answer: 'cannot_be_asked' }, false)).toEqual({
      ...{ state: 'unconfirmed', exception: null },
    });
  });

  it('leaves nothing if the gateway does not know the payment, as after a test button', () => {
    expect(decideStrayPayment({ ...event, answer: 'not_paid' }, false)).toBeNull();
    expect(decideStrayPayment({ ...event, answer: 'not_paid' }, true)).toBeNull();
  });

  it('is never called confirmed if the gateway cannot be asked', () => {
    const unasked = { ...event, answer: 'cannot_be_asked' } as const;
    expect(decideStrayPayment(unasked, false)).toEqual({
      ...{ state: 'unconfirmed', exception: 'unconfirmed_payment' },
    });
    expect(decideStrayPayment({ ...unasked, claimsPaid: false }, false)).toBeNull();
    expect(decideStrayPayment(unasked, true)).toBeNull();
  });

  it('ends what was stored when all of the money went back, and stores nothing for money that came before', () => {
    const back = { ...event, claimsPaid: false, answer: 'went_back' } as const;
    expect(decideStrayPayment(back, true)).toEqual({ state: 'went_back', exception: null });
    expect(decideStrayPayment(back, false)).toBeNull();
  });
});
