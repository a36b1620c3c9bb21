import type { FastifyRequest } from 'fastify';

/** The language of messages: Indonesian, unless the client prefers English. */
export type Language = 'id' | 'en';

/** A message in both languages. */
export type Texts = Readonly<Record<Language, string>>;

/** Longer than any browser sends. */
const MAX_HEADER_LENGTH = 500;

/** The weight of a language in Accept-Language (RFC 9110, 12.5.4): that of its range, else of `*`, else 0. */
function weightOf(ranges: readonly (readonly [range: string, weight: number])[], language: Language): number {
  const named = ranges.filter(([range]) => range === language || range.startsWith(`${language}-`));
  const counted = named.length > 0 ? named : ranges.filter(([range]) => range === '*');
  return Math.max(0, ...counted.map(([, weight]) => weight));
}

export function languageOf({ headers }: Pick<FastifyRequest, 'headers'>): Language {
  const header = headers['accept-language'];
  if (header === undefined) return 'id';
  const ranges = header
    .slice(0, MAX_HEADER_LENGTH)
    .split(',', 20)
    .map((part) => {
      const [range = '', ...parameters] = part
        .toLowerCase()
        .split(';')
        .map((each) => each.trim());
      const q = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
      const weight = q === undefined ? 1 : /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(q) ? Number(q) : 0;
      return [range, weight] as const;
    });
  return weightOf(ranges, 'en') > weightOf(ranges, 'id') ? 'en' : 'id';
}
