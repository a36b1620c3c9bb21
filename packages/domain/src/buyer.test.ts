import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buyerKeysOf } from './buyer.ts';

const keysOf = (customer: { id?: string; email: string; phone: string }) =>
  buyerKeysOf({ storefrontId: 'toko', customer });
const emailKey = (email: string) => keysOf({ email, phone: '' })[0];
const phoneKey = (phone: string) => keysOf({ email: '', phone })[0];

describe('buyerKeysOf', () => {
  it('gives a key for the e-mail address, the id and the phone number', () => {
    expect(keysOf({ id: 'A:1', email: 'Siti@gmail.com', phone: '0812-3456-7890' })).toEqual([
      'email:siti@gmail.com',
      'id:toko:A:1',
      'phone:81234567890',
    ]);
    expect(keysOf({ email: 'siti@gmail.com', phone: '081234567890' })).toHaveLength(2);
  });

  it.each([
    ['Siti@Example.com', 'siti@example.com'],
    ['  siti@example.com\u3000', 'siti@example.com'],
    ['ｓｉｔｉ＠example．com', 'siti@example.com'],
    ['siti+flash+sale@example.com', 'siti@example.com'],
    ['siti@example.com.', 'siti@example.com'],
    ['s.i.ti@example.com', 's.i.ti@example.com'],
    ['S.I.ti+x@GMAIL.com', 'siti@gmail.com'],
    ['siti@googlemail.com.', 'siti@gmail.com'],
    ['siti@me.com', 'siti@icloud.com'],
    ['siti+x@pm.me', 'siti@proton.me'],
    ['siti@gmail.com.example', 'siti@gmail.com.example'],
    ['"a@b.c"@gmail.com', '"a@bc"@gmail.com'],
    ['+siti@example.com', '+siti@example.com'],
    [' Not An Address+1 ', 'not an address+1'],
  ])('normalises %s to %s', (email, mailbox) => {
    expect(emailKey(email)).toBe(`email:${mailbox}`);
  });

  it.each([
    ['081234567890', '81234567890'],
    ['0812-3456 7890', '81234567890'],
    ['(0812) 3456.7890', '81234567890'],
    ['０８１２３４５６７８９０', '81234567890'],
    ['+62 812 3456 7890', '81234567890'],
    ['＋62 812 3456 7890', '81234567890'],
    ['0062 812 3456 7890', '81234567890'],
    ['62812 3456 7890', '81234567890'],
    ['+62 0812 3456 7890', '81234567890'],
    ['+62 (0) 812 3456 7890', '81234567890'],
    ['62 0812 3456 7890', '81234567890'],
    ['0062 0812 3456 7890', '81234567890'],
    ['812 3456 7890', '81234567890'],
    ['812345678', '812345678'],
    ['81234567', '81234567'],
    ['8123456789012', '8123456789012'],
    ['81234567890123', '81234567890123'],
    ['+81 90 1234 5678', '819012345678'],
    ['0081 90 1234 5678', '819012345678'],
    ['+1 (555) 010-9999', '15550109999'],
    ['021 555 1234', '215551234'],
    ['+62 21 555 1234', '215551234'],
    ['0 0812 3456 7890', '81234567890'],
    ['000812 3456 7890', '81234567890'],
    ['00062 812 3456 7890', '81234567890'],
    ['062 812 3456 7890', '81234567890'],
    ['62 62 812 3456 7890', '81234567890'],
    ['0620812 3456 7890', '81234567890'],
    ['+812 3456 7890', '81234567890'],
  ])('normalises %s to %s', (phone, digits) => {
    expect(phoneKey(phone)).toBe(`phone:${digits}`);
  });

  it('gives no key for an empty value, as unrelated buyers would share it', () => {
    expect(keysOf({ id: '', email: '  ', phone: '-' })).toEqual([]);
  });

  it('separates customer ids of two storefronts', () => {
    const customer = { id: '7', email: '', phone: '' };
    expect(buyerKeysOf({ storefrontId: 'a', customer })).not.toEqual(
      buyerKeysOf({ storefrontId: 'b', customer }),
    );
  });

  it('never throws, and returns sorted, distinct keys for any input', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...Array.from('+0862@. a')) }),
    );
    const customer = fc.record({ id: text, email: text, phone: text }, { requiredKeys: ['email', 'phone'] });
    fc.assert(
      fc.property(customer, (anyone) => {
        const keys = keysOf(anyone);
        expect(keys).toEqual([...new Set(keys)].toSorted());
      }),
    );
  });

  it('gives one key to all spellings of an address', () => {
    const letters = fc.string({
      unit: fc.constantFrom(...Array.from('abcxyz019')),
      minLength: 1,
      maxLength: 8,
    });
    const spelling = fc.record({
      isUpper: fc.boolean(),
      tag: fc.constantFrom('', '+', '+x', '+a.b+c'),
      domain: fc.constantFrom('gmail.com', 'GoogleMail.com', 'gmail.com.'),
      dotAfter: fc.nat(8),
      space: fc.constantFrom('', ' ', '\t'),
    });
    fc.assert(
      fc.property(letters, spelling, (name, { isUpper, tag, domain, dotAfter, space }) => {
        const dotted = `${name.slice(0, dotAfter)}.${name.slice(dotAfter)}`;
        const email = `${space}${isUpper ? dotted.toUpperCase() : dotted}${tag}@${domain}${space}`;
        expect(emailKey(email)).toBe(`email:${name}@gmail.com`);
      }),
    );
  });

  it('gives one key to all spellings of an Indonesian mobile number', () => {
    const subscriber = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789')),
      minLength: 8,
      maxLength: 11,
    });
    const prefix = fc.constantFrom(
      '0',
      '',
      '62',
      '+62',
      '0062',
      '620',
      '+620',
      '+62 (0)',
      ' (0)',
      '00 62-',
      '00',
      '000',
      '062',
      '6262',
      '0620',
    );
    fc.assert(
      fc.property(subscriber, prefix, fc.constantFrom('', ' ', '-'), (rest, before, gap) => {
        expect(phoneKey(`${before}8${Array.from(rest).join(gap)}`)).toBe(`phone:8${rest}`);
      }),
    );
  });
});
