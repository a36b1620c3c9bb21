/** Midtrans takes no longer address. */
export const MAX_RETURN_URL_LENGTH = 255;

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;

/**
 * The address to which a gateway's page leads back, in its canonical spelling, so that no two readers of it see
 * different hosts. Undefined for an address that is not https (or http on this machine, for development), has a user
 * name or password, or is too long.
 */
export function returnUrlOf(given: string): string | undefined {
  const url = URL.parse(given);
  if (url === null || url.username !== '' || url.password !== '' || url.hostname === '') return undefined;
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
    return undefined;
  return url.href.length > MAX_RETURN_URL_LENGTH ? undefined : url.href;
}

/** The origin of a canonical return address. */
export const originOf = (returnUrl: string): string => new URL(returnUrl).origin;
