import { describe, expect, it } from 'vitest';
import { originOf, returnUrlOf } from './return-url.ts';

describe('a return address', () => {
  it.each([
    ['https://toko.example/pesanan/7?a=1#x', 'https://toko.example/pesanan/7?a=1#x'],
    ['https://TOKO.example', 'https://toko.example/'],
    ['https://toko.example:443/a/../b', 'https://toko.example/b'],
    ['http://localhost:5173/kembali', 'http://localhost:5173/kembali'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080/'],
    ['http://[::1]/', 'http://[::1]/'],
    // A reader that took the backslash for a part of the user name would see another host.
    [String.raw`https://toko.example\@jahat.example/`, 'https://toko.example/@jahat.example/'],
    ['https://toko.example\t/a', 'https://toko.example/a'],
  ])('%s is %s', (given, canonical) => {
    expect(returnUrlOf(given)).toBe(canonical);
  });

  it.each([
    'http://toko.example/',
    'http://localhost.jahat.example/',
    'https://siti:rahasia@toko.example/',
    'https://toko.example@jahat.example/',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    '//toko.example/',
    '/pesanan',
    'toko.example',
    '',
    `https://toko.example/${'a'.repeat(250)}`,
    // Short as it is written, and too long for Midtrans as it is sent.
    `https://toko.example/${'é'.repeat(60)}`,
  ])('is not %s', (given) => {
    expect(returnUrlOf(given)).toBeUndefined();
  });

  it('has the origin that a storefront registers', () => {
    expect(originOf(returnUrlOf('https://TOKO.example:443/a') ?? '')).toBe('https://toko.example');
  });
});
