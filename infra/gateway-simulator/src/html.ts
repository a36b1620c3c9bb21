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
.amount{font-size:2rem;font-weight:700;margin:.5rem 0}small{color:#4b5563;overflow-wrap:anywhere}
button,a.button{display:block;box-sizing:border-box;width:100%;margin-top:1.5rem;padding:.9rem;border:0;border-radius:8px;background:#1d4ed8;color:#fff;font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
button.second{margin-top:.75rem;background:#fff;color:#1d4ed8;border:1px solid #1d4ed8}
button:focus-visible,a:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
</style></head><body><main>${body}</main></body></html>`;
}

export interface Bill {
  gateway: string;
  orderId: string;
  amountRupiah: number;
  description: string;
}

const summary = (b: Bill): string =>
  `<small>Simulator ${escape(b.gateway)}</small><p>${escape(b.description)}</p><p class="amount">${rupiah(b.amountRupiah)}</p>`;

/** `can_choose` offers a code to pay with later, as a virtual account's number; `chosen` says that one is out. */
export function payPage(b: Bill, path: string, method?: 'can_choose' | 'chosen'): string {
  const form = (action: string, style: string, label: string) =>
    `<form method="post" action="${escape(path)}/${action}"><button${style}>${label}</button></form>`;
  const choice = method === 'can_choose' ? form('choose', ' class="second"', 'Dapatkan kode bayar') : '';
  const note = method === 'chosen' ? '<p>Kode bayar sudah dibuat dan menunggu pembayaran.</p>' : '';
  return page('Pembayaran', summary(b) + note + form('pay', '', 'Bayar') + choice);
}

export function paidPage(b: Bill, finishUrl: string | undefined): string {
  const back =
    finishUrl !== undefined && /^https?:\/\//i.test(finishUrl)
      ? `<a class="button" href="${escape(finishUrl)}">Kembali ke toko</a>`
      : '';
  return page('Pembayaran berhasil', `<h1>Pembayaran berhasil</h1>${summary(b)}${back}`);
}

export const closedPage = (message: string): string =>
  page('Pembayaran', `<h1>Tidak dapat dibayar</h1><p>${escape(message)}</p>`);
