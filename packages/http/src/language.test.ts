import { describe, expect, it } from 'vitest';
import { languageOf } from './language.ts';

describe('the language of a request', () => {
  it.each([
    [undefined, 'id'],
    ['', 'id'],
    ['en', 'en'],
    ['id', 'id'],
    ['EN-us', 'en'],
    ['en-GB;q=0.9', 'en'],
    ['en-GB;q=0.9, id;q=0.8', 'en'],
    ['en;q=0.8, id-ID;q=0.9', 'id'],
    ['en;q=0.5,id;q=0.5', 'id'],
    ['id;q=0, en;q=0.001', 'en'],
    ['en ; q=0.9 , id ; q=0.1', 'en'],
    ['fr, de;q=0.9', 'id'],
    ['fr, en;q=0.1', 'en'],
    ['*', 'id'],
    ['fr, *;q=0.5', 'id'],
    ['*;q=0.5, id;q=0.1', 'en'],
    ['en;q=0, *', 'id'],
    ['english', 'id'],
    ['en;q=2', 'id'],
    ['en;q=high', 'id'],
    ['en;q=', 'id'],
    ['en;q=1.0.0', 'id'],
    [';;;,,,=q', 'id'],
    ['<script>', 'id'],
    [`${'x,'.repeat(50_000)}en`, 'id'],
  ])('with Accept-Language %j is %s', (header, language) => {
    const headers = header === undefined ? {} : { 'accept-language': header.slice(0, 100_000) };
    expect(languageOf({ headers })).toBe(language);
  });
});
