interface Buyer {
  readonly storefrontId: string;
  readonly customer: { readonly id?: string | undefined; readonly email: string; readonly phone: string };
}

/**
 * The keys under which a buyer's purchases are counted, sorted and distinct: one for all spellings of an
 * e-mail address, one for all spellings of a phone number, and the storefront's own id. An order counts
 * under each of its keys, so that changing only one of e-mail and phone wins no second allowance.
 * Never throws; a value of which nothing is left has no key, as strangers would share it.
 */
export function buyerKeysOf({ storefrontId, customer }: Buyer): string[] {
  const email = mailbox(customer.email);
  const phone = subscriberNumber(customer.phone);
  const keys: string[] = []; // Their prefixes sort.
  if (email !== '') keys.push(`email:${email}`);
  if (customer.id) keys.push(`id:${storefrontId}:${customer.id}`);
  if (phone !== '') keys.push(`phone:${phone}`);
  return keys;
}

/** Names under which a provider delivers to the same mailbox. */
const SAME_DOMAIN: ReadonlyMap<string, string> = new Map([
  ['googlemail.com', 'gmail.com'],
  ['me.com', 'icloud.com'],
  ['mac.com', 'icloud.com'],
  ['protonmail.com', 'proton.me'],
  ['pm.me', 'proton.me'],
]);

/**
 * The mailbox that an address delivers to: letter case and a `+tag` make no other one, nor do dots at Gmail,
 * of which googlemail.com is an older name, as Apple and Proton have them. Where a provider takes `+` literally, two buyers become one;
 * telling them apart would give everyone else as many allowances as they can think of tags.
 */
function mailbox(email: string): string {
  const address = email.normalize('NFKC').trim().toLowerCase();
  const at = address.lastIndexOf('@');
  if (at === -1) return address;
  const host = address.slice(at + 1).replace(/\.$/, '');
  const domain = SAME_DOMAIN.get(host) ?? host;
  const name = address.slice(0, at).replace(/(?<=.)\+.*/s, '');
  return `${domain === 'gmail.com' ? name.replaceAll('.', '') : name}@${domain}`;
}

/**
 * A phone number without the zeros and country codes of Indonesia before it: `0812…`, `+62 812…`, `0062812…`, `62 0812…`
 * and what else a person or a courier reads as the same number. A foreign number keeps its country code.
 */
function subscriberNumber(phone: string): string {
  const digits = phone.normalize('NFKC').replaceAll(/\D/g, '');
  return digits.replace(/^(?:0|62)+(?=\d{7})/, '');
}
