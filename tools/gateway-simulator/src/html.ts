const escapes: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escape = (s: string): string => s.replaceAll(/[&<>"']/g, (c) => escapes[c] ?? c);

const rupiah = (n: number): string => `Rp${n.toLocaleString('id-ID')}`;

function page(title: string, body: string): string {
  return `<!doctype html><html lang="id"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title><style>
body{font:16px/1.5 system-ui,sans-serif;background:#f3f4f6;color:#111827;margin:0;display:grid;place-items:center;min-height:100vh}
main{background:#fff;border-radius:12px;padding:2rem;max-width:24rem;width:calc(100% - 6rem);box-shadow:0 2px 12px #0002}
h1{font-size:1.25rem;margin:0 0 .5rem}.amount{font-size:2rem;font-weight:700;margin:.5rem 0}small{color:#4b5563;overflow-wrap:anywhere}
fieldset{border:1px solid #d1d5db;border-radius:8px;margin:1rem 0 0;padding:.5rem 1rem}label{display:block;padding:.5rem 0;cursor:pointer}
dl{border:1px solid #d1d5db;border-radius:8px;padding:1rem;margin:1rem 0 0}dt{color:#4b5563}dd{margin:0;font-weight:600;overflow-wrap:anywhere}
button,a.button{display:block;box-sizing:border-box;width:100%;margin-top:1.5rem;padding:.9rem;border:1px solid #1d4ed8;border-radius:8px;background:#1d4ed8;color:#fff;font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
button.second,a.second{margin-top:.75rem;background:#fff;color:#1d4ed8}
button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
</style></head><body><main>${body}</main></body></html>`;
}

export interface Bill {
  gateway: string;
  orderId: string;
  amountRupiah: number;
  description: string;
}
/** The code with which a customer pays at a bank, a counter or in an app. */
export interface PaymentCode {
  label: string;
  value: string;
}

const summary = (b: Bill): string =>
  `<small>Simulator ${escape(b.gateway)} · ${escape(b.orderId)}</small><p>${escape(b.description)}</p><p class="amount">${rupiah(b.amountRupiah)}</p>`;

/** Empty for an address that is no web page. */
const backLink = (url: string | undefined, label: string, style = ''): string =>
  url !== undefined && /^https?:\/\//i.test(url)
    ? `<a class="button${style}" href="${escape(url)}">${label}</a>`
    : '';

/** Before a method is chosen: pay with the first at once, or choose one. `path` is the target of the forms. */
export function choicePage(
  b: Bill,
  path: string,
  methods: readonly { name: string; label: string }[],
  backUrl: string | undefined,
): string {
  const radios = methods.map(
    ({ name, label }, i) =>
      `<label><input type="radio" name="method" value="${escape(name)}"${i === 0 ? ' checked' : ''}> ${escape(label)}</label>`,
  );
  return page(
    'Pembayaran',
    `<h1>Pembayaran</h1>${summary(b)}<form method="post" action="${escape(path)}/pay"><button>Bayar dengan ${escape(methods[0]?.label ?? '')}</button></form>` +
      `<form method="post" action="${escape(path)}/choose"><fieldset><legend>Metode pembayaran</legend>${radios.join('')}</fieldset>` +
      `<button class="second">Dapatkan kode bayar</button><button class="second" formaction="${escape(path)}/pay">Bayar dengan metode ini</button></form>` +
      backLink(backUrl, 'Batal dan kembali ke toko', ' second'),
  );
}

/** After a method was chosen: its codes, and a button that pays as the customer's bank or app would. */
export function codePage(
  b: Bill,
  path: string,
  method: string,
  codes: readonly PaymentCode[],
  backUrl: string | undefined,
): string {
  const rows = [{ label: 'Metode', value: method }, ...codes];
  const list = rows.map(({ label, value }) => `<dt>${escape(label)}</dt><dd>${escape(value)}</dd>`).join('');
  return page(
    'Menunggu pembayaran',
    `<h1>Menunggu pembayaran</h1>${summary(b)}<dl>${list}</dl><form method="post" action="${escape(path)}/pay"><button>Bayar</button></form>` +
      backLink(backUrl, 'Kembali ke toko', ' second'),
  );
}

export const paidPage = (b: Bill, finishUrl: string | undefined): string =>
  page(
    'Pembayaran berhasil',
    `<h1>Pembayaran berhasil</h1>${summary(b)}${backLink(finishUrl, 'Kembali ke toko')}`,
  );

export const closedPage = (message: string, backUrl?: string): string =>
  page(
    'Pembayaran',
    `<h1>Tidak dapat dibayar</h1><p>${escape(message)}</p>${backLink(backUrl, 'Kembali ke toko')}`,
  );

/** The method of a submitted form; undefined without one. */
export const formMethod = (body: unknown): string | undefined =>
  (typeof body === 'string' ? new URLSearchParams(body).get('method') : null) ?? undefined;
