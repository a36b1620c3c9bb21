import fc from 'fast-check';

export function anyBody(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.json({ stringUnit: 'binary', maxDepth: 6 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 500 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '{',
        'null',
        '[]',
        '"x"',
        '1e999',
        '-0',
        '{"__proto__":{"x":1}}',
        '['.repeat(60_000),
        '{"a":'.repeat(10_000),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 60_000, max: 70_000 }).map((size) => `{"note":"${'x'.repeat(size)}"}`),
    },
  );
}

/** A good body, or one with fields changed, added, removed or cut off; or any other body. */
export function bodyLike(
  good: object,
  seal: (body: Record<string, unknown>) => object = (body) => body,
): fc.Arbitrary<string> {
  const places = pathsIn(good);
  const changed = fc
    .array(fc.tuple(fc.constantFrom(...places), anyValue()), { minLength: 1, maxLength: 3 })
    .map((changes) =>
      JSON.stringify(
        seal(
          changes.reduce<object>((body, [where, to]) => put(body, where, to), good) as Record<
            string,
            unknown
          >,
        ),
      ),
    );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(JSON.stringify(good)) },
    { weight: 5, arbitrary: changed },
    {
      weight: 1,
      arbitrary: fc.nat().map((at) => JSON.stringify(good).slice(0, at % JSON.stringify(good).length)),
    },
    { weight: 1, arbitrary: anyBody() },
  );
}

function anyValue(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.jsonValue({ stringUnit: 'binary', maxDepth: 3 }),
    fc.string({ unit: 'grapheme', maxLength: 600 }),
    fc.constantFrom(
      undefined,
      null,
      '',
      ' ',
      -1,
      0,
      1.5,
      2 ** 53,
      1e308,
      true,
      [],
      {},
      '\u0000',
      '\ud800',
      '\u202e',
      '<script>',
      "'; drop table orders; --",
    ),
    fc.constantFrom('KOPI', 'online', 'bank_transfer', 'siti@example.test', '081234567890', 2),
  );
}

/** Every place in a body, and one more in each object. */
function pathsIn(body: object, before: string[] = []): string[][] {
  return [
    [...before, 'another'],
    ...Object.entries(body).flatMap(([key, inner]: [string, unknown]) => [
      [...before, key],
      ...(typeof inner === 'object' && inner !== null ? pathsIn(inner, [...before, key]) : []),
    ]),
  ];
}

function put(body: unknown, [key = '', ...rest]: string[], to: unknown): object {
  const copy: Record<string, unknown> | unknown[] = Array.isArray(body)
    ? [...(body as unknown[])]
    : { ...(body as object) };
  const fields = copy as Record<string, unknown>;
  fields[key] = rest.length === 0 ? to : put(fields[key], rest, to);
  return copy;
}
