interface Buyer {
  readonly storefrontId: string;
  readonly customer: { readonly id?: string | undefined; readonly email: string; readonly phone: string };
}

/**
 * The keys under which a buyer's purchases are counted, sorted and distinct: the normalised e-mail address, the
 * normalised phone number, and the storefront's customer id. An order counts under each of its keys, so that a buyer
 * who changes only e-mail or phone gets no second allowance. Never throws. An empty value has no key, as unrelated
 * buyers would share it.
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

/** Domains of one provider that deliver to the same mailbox. */
const SAME_DOMAIN: ReadonlyMap<string, string> = new Map([
  ['googlemail.com', 'gmail.com'],
  ['me.com', 'icloud.com'],
  ['mac.com', 'icloud.com'],
  ['protonmail.com', 'proton.me'],
  ['pm.me', 'proton.me'],
]);

/**
 * The mailbox of an address: letter case and a `+tag` are ignored, and at Gmail dots too. Older domains of Google,
 * Apple and Proton are replaced by the present one. At a provider that takes `+` literally, two buyers share a key;
 * otherwise a buyer could make allowances by inventing tags.
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
 * A phone number without leading zeros and country codes of Indonesia, in all spellings of the same number: `0812…`,
 * `+62 812…`, `0062812…`, `62 0812…`. A foreign number keeps its country code.
 */
function subscriberNumber(phone: string): string {
  const digits = phone.normalize('NFKC').replaceAll(/\D/g, '');
  return digits.replace(/^(?:0|62)+(?=\d{7})/, '');
}
