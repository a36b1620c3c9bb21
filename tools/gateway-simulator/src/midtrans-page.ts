import type { FastifyInstance, FastifyReply } from 'fastify';
import { choicePage, closedPage, codePage, formMethod, paidPage, type PaymentCode } from './html.ts';
import type { MidtransAccount, Session } from './midtrans-account.ts';
import { methodOf } from './midtrans-methods.ts';
import type { Transaction } from './midtrans-transactions.ts';
import { wib } from './wire.ts';

interface Route {
  Params: { token: string; version: string; kind: string };
}

/** The hosted Snap page, under each of its known paths. */
export function midtransPages(app: FastifyInstance, account: MidtransAccount): void {
  for (const path of ['v2/vtweb', 'v3/redirection', 'v4/redirection']) {
    const at = `/snap/${path}/:token`;
    const show = (s: Session | undefined, reply: FastifyReply) => {
      reply.type('text/html; charset=utf-8');
      if (!s) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
      const t = s.transaction;
      const url = `/snap/${path}/${s.token}`;
      if (t && (t.state === 'capture' || (t.paidAt && t.state !== 'deny' && t.state !== 'cancel')))
        return reply.send(paidPage(bill(s), finishUrl(s)));
      if (!account.isOpen(s)) return reply.code(410).send(closedPage(whyClosed(s), finishUrl(s)));
      if (t?.state === 'pending')
        return reply.send(codePage(bill(s), url, methodOf(t.method).label, codes(t), finishUrl(s)));
      const methods = s.offered.map((name) => ({ name, label: methodOf(name).label }));
      return reply.send(choicePage(bill(s), url, methods, finishUrl(s)));
    };
    app.get<Route>(at, async (req, reply) => show(account.session(req.params.token), reply));
    app.post<Route>(`${at}/choose`, async (req, reply) => {
      const s = account.session(req.params.token);
      if (!s) return show(s, reply);
      account.take(s, formMethod(req.body));
      return reply.redirect(`/snap/${path}/${s.token}`, 303);
    });
    app.post<Route>(`${at}/pay`, async (req, reply) => {
      const s = account.session(req.params.token);
      if (s) account.payOnPage(s, formMethod(req.body));
      return show(s, reply);
    });
  }
}

const bill = (s: Session) => ({
  gateway: 'Midtrans',
  orderId: s.orderId,
  amountRupiah: s.amountRupiah,
  description: s.description,
});

function whyClosed(s: Session): string {
  const t = s.transaction;
  if (s.canceledAt || t?.state === 'cancel') return 'Pembayaran ini telah dibatalkan.';
  if (t?.state === 'pending' && t.expiresAt.getTime() > Date.now())
    return `Halaman ini sudah ditutup. Kode bayar Anda masih berlaku sampai ${wib(t.expiresAt)} WIB.`;
  return 'Batas waktu pembayaran sudah lewat.';
}

/** Unsigned, and only for display: https://docs.midtrans.com/reference/backend-integration */
function finishUrl(s: Session): string | undefined {
  if (s.finishUrl === undefined || !URL.canParse(s.finishUrl)) return undefined;
  const url = new URL(s.finishUrl);
  const isPaid = s.transaction?.paidAt !== undefined;
  url.searchParams.set('order_id', s.orderId);
  url.searchParams.set('status_code', isPaid ? '200' : '201');
  url.searchParams.set('transaction_status', s.transaction?.state ?? 'pending');
  return url.href;
}

function codes(t: Transaction): PaymentCode[] {
  const until = { label: 'Berlaku sampai', value: `${wib(t.expiresAt)} WIB` };
  const { code } = methodOf(t.method);
  switch (code) {
    case 'qr':
      return [{ label: 'Isi kode QR', value: `00020101021226-ANTREAN-${t.reference}` }, until];
    case 'va':
      return [{ label: 'Nomor virtual account', value: t.number }, until];
    case 'bill':
      return [
        { label: 'Kode perusahaan', value: '70012' },
        { label: 'Kode pembayaran', value: t.number },
        until,
      ];
    case 'counter':
      return [{ label: 'Kode pembayaran di kasir', value: t.number }, until];
    case 'none':
      return [until];
    default:
      return code satisfies never;
  }
}
