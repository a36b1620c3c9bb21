const MAX_BYTES = 16_384;
const MAX_ITEMS = 20;
const MAX_DEPTH = 6;

/**
 * Fields that are stored unchanged. All others are removed, as a field that a gateway adds later may hold personal
 * data.
 */
const kept = new Set(
  `acquirer amount bank bank_code bank_confirmed_at business_id canceled_at channel_code country created created_at currency
  custom_field1 customer_imposed_payment_fee error_code event expiry_date expiry_time external_id failure_code fees_paid_amount fraud_status gross_amount
  has_more id invoice_id issuer order_id original_amount paid_amount paid_at payment_channel payment_id payment_method payment_method_type
  payment_type reason reference_id refund_amount refund_chargeback_id refund_fee_amount refund_key refund_method
  settlement_time status status_code store transaction_id transaction_status transaction_time transaction_type
  updated`.split(/\s+/),
);
/** Free text, in which a gateway may quote our request. */
const prose = new Set(['error', 'error_messages', 'errors', 'message', 'reason', 'status_message']);
const containers = new Set(
  'data errors error_messages extra_info gross_amount_info metadata refunds va_numbers'.split(' '),
);

const withoutPersons = (s: string): string =>
  s
    .slice(0, 300)
    .replaceAll(/https?:\/\/\S+/gi, '[link]')
    .replaceAll(/[^\s"'<>()]+@[^\s"'<>()]+/g, '[e-mail]')
    .replaceAll(/\+?\d[\d\s-]{6,}\d/g, '[number]');

function walk(value: unknown, key: string | null, depth: number): unknown {
  if (depth > MAX_DEPTH) return '[deeper]';
  if (Array.isArray(value)) {
    const items = value.slice(0, MAX_ITEMS).map((v: unknown) => walk(v, key, depth + 1));
    return value.length > MAX_ITEMS ? [...items, `[${value.length - MAX_ITEMS} more]`] : items;
  }
  if (typeof value === 'object' && value !== null) {
    if (key !== null && !containers.has(key)) return '[removed]';
    return Object.fromEntries(
      Object.entries(value)
        .slice(0, 100)
        .map(([k, v]) => [k.slice(0, 60), walk(v, k, depth + 1)]),
    );
  }
  if (typeof value === 'string' && key !== null && prose.has(key)) return withoutPersons(value);
  if (key === null || !kept.has(key))
    return value === null || typeof value === 'boolean' ? value : '[removed]';
  return typeof value === 'string' ? value.slice(0, 200) : value;
}

/** An answer without personal data, payment links and signatures; at most 16 kB of JSON. */
export function withoutPersonalData(body: unknown): unknown {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return `[text of ${body.length} characters]`;
  const walked = walk(body, null, 0);
  const bytes = Buffer.byteLength(JSON.stringify(walked));
  return bytes > MAX_BYTES ? `[${bytes} bytes]` : walked;
}

/** Redacts a key and its basic auth forms wherever they occur. */
export function redactorOf(key: string): (text: string) => string {
  const base64 = (s: string): string => Buffer.from(s).toString('base64');
  const forms = [key, base64(`${key}:`), base64(key).replace(/=+$/, '')].filter((form) => form !== '');
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
}

/**
 * The part of a webhook's body that is stored: the fields that describe a payment, without personal data, secrets and
 * characters that PostgreSQL cannot store. Null if the body is not a JSON object.
 */
export function storablePayload(body: unknown): Record<string, unknown> | null {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return null;
  const whole = storable(withoutPersonalData(body));
  if (typeof whole === 'object' && whole !== null) return whole as Record<string, unknown>;
  // Too large to store whole: only its plain fields.
  const plain = Object.entries(body).filter(([, value]) => typeof value !== 'object');
  return storable(withoutPersonalData(Object.fromEntries(plain.slice(0, 100)))) as Record<string, unknown>;
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '');
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== '[removed]');
  return Object.fromEntries(
    entries.map(([key, inner]) => [key.toWellFormed().replaceAll('\0', ''), storable(inner)]),
  );
}
