/**
 * What people may enter, buyers and operators alike. All patterns are free of flags but `u`, and so are the same in a
 * schema that is published.
 */

/** What turns the text around it over, ends a line of it on a page or in a terminal, or is half a character. */
const UNFIT = String.raw`\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069`;

/** One line. */
export const PLAIN_LINE = new RegExp(`^[^${UNFIT}]*$`, 'u');

/** As from a text area: lines, and no other control character. */
export const PLAIN_LINES = new RegExp(String.raw`^(?:[^${UNFIT}]|\n)*$`, 'u');

/** Joiners and other invisible characters belong to some scripts and to emoji, and alone are nothing to read. */
export const SOMETHING_VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** Of products: words with hyphens between them, up to 64 characters. The table has the same constraint. */
export const CATEGORY = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/**
 * Text is tidied only up to so many times its own limit: what tidying takes grows with the square of a run of combining
 * marks. No composed letter is longer than that when it is decomposed.
 */
export const UNTIDY_FACTOR = 4;

/** In one spelling (NFC), with `\n` for each line break, and without white space around it. */
export function tidied(text: string): string {
  return text.replaceAll('\r\n', '\n').trim().normalize();
}
