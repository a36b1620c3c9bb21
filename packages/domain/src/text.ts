/**
 * Rules for text that buyers and operators enter. All patterns use no flag but `u`, so that they mean the same in a
 * published JSON schema.
 */

/**
 * Control characters, line and paragraph separators, characters that change the text direction, and unpaired
 * surrogates.
 */
const UNFIT = String.raw`\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069`;

/** One line. */
export const PLAIN_LINE = new RegExp(`^[^${UNFIT}]*$`, 'u');

/** Several lines: line breaks, and no other control character. */
export const PLAIN_LINES = new RegExp(String.raw`^(?:[^${UNFIT}]|\n)*$`, 'u');

/**
 * Text must have a visible character. Joiners and other invisible ones belong to some scripts and to emoji, but alone
 * show nothing.
 */
export const SOMETHING_VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** A product category: words with hyphens between them, up to 64 characters. The table has the same constraint. */
export const CATEGORY = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/**
 * Text is tidied only up to this multiple of its limit: the time of tidying grows with the square of a run of
 * combining marks. No composed letter is longer than that when decomposed.
 */
export const UNTIDY_FACTOR = 4;

/** Normalises to NFC, with `\n` as line break and without surrounding white space. */
export function tidied(text: string): string {
  return text.replaceAll('\r\n', '\n').trim().normalize();
}
