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
  const phone = internationalNumber(customer.phone);
  const keys: string[] = []; // Their prefixes sort.
  if (email !== '') keys.push(`email:${email}`);
  if (customer.id) keys.push(`id:${storefrontId}:${customer.id}`);
  if (phone !== '') keys.push(`phone:${phone}`);
  return keys;
}

/**
 * The mailbox that an address delivers to: letter case and a `+tag` make no other one, nor do dots at Gmail,
 * of which googlemail.com is an older name. Where a provider takes `+` literally, two buyers become one;
 * telling them apart would give everyone else as many allowances as they can think of tags.
 */
function mailbox(email: string): string {
  const address = email.normalize('NFKC').trim().toLowerCase();
  const at = address.lastIndexOf('@');
  if (at === -1) return address;
  const host = address.slice(at + 1).replace(/\.$/, '');
  const domain = host === 'googlemail.com' ? 'gmail.com' : host;
  const name = address.slice(0, at).replace(/(?<=.)\+.*/s, '');
  return `${domain === 'gmail.com' ? name.replaceAll('.', '') : name}@${domain}`;
}

/**
 * The digits of a number with its country code. `+` or `00` says that a country code follows; `0` alone is
 * dialled within Indonesia, and so is a bare 8 with the length of a mobile number. The 0 stays by mistake in
 * `+62 0812…`, and means nothing there.
 */
function internationalNumber(phone: string): string {
  const dialled = phone.normalize('NFKC').replaceAll(/[^\d+]/g, '');
  const digits = dialled.replaceAll('+', '');
  const withCountry = () => {
    if (digits.startsWith('00')) return digits.slice(2);
    if (digits.startsWith('0')) return `62${digits.slice(1)}`;
    if (!dialled.startsWith('+') && /^8\d{8,12}$/.test(digits)) return `62${digits}`;
    return digits;
  };
  return withCountry().replace(/^620+/, '62');
}
