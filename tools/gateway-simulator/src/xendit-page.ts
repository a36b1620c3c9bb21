import type { FastifyInstance, FastifyReply } from 'fastify';
import { choicePage, closedPage, codePage, formMethod, paidPage, type PaymentCode } from './html.ts';
import type { Invoice, XenditInvoices } from './xendit-invoices.ts';
import { methodOf, type XenditMethodName } from './xendit-methods.ts';

interface Route {
  Params: { id: string };
}

/** The hosted page of an invoice. */
export function xenditPages(app: FastifyInstance, invoices: XenditInvoices): void {
  const show = (i: Invoice | undefined, reply: FastifyReply) => {
    reply.type('text/html; charset=utf-8');
    if (!i) return reply.code(404).send(closedPage('Halaman pembayaran tidak ditemukan.'));
    if (i.state === 'PAID' || i.state === 'SETTLED') return reply.send(paidPage(bill(i), i.successUrl));
    if (i.state === 'EXPIRED' || i.expiresAt.getTime() <= Date.now())
      return reply.code(410).send(closedPage('Batas waktu sudah lewat.', i.failureUrl));
    const url = `/web/${i.id}`;
    if (i.chosen)
      return reply.send(codePage(bill(i), url, methodOf(i.chosen).label, codes(i, i.chosen), i.failureUrl));
    const methods = i.offered.map((name) => ({ name, label: methodOf(name).label }));
    return reply.send(choicePage(bill(i), url, methods, i.failureUrl));
  };
  app.get<Route>('/web/:id', async (req, reply) => show(invoices.get(req.params.id), reply));
  app.post<Route>('/web/:id/choose', async (req, reply) => {
    const i = invoices.get(req.params.id);
    if (!i) return show(i, reply);
    invoices.take(i, formMethod(req.body));
    return reply.redirect(`/web/${i.id}`, 303);
  });
  app.post<Route>('/web/:id/pay', async (req, reply) => {
    const i = invoices.get(req.params.id);
    if (i) invoices.payInvoice(i, { method: formMethod(req.body), evenIfClosed: false });
    return show(i, reply);
  });
}

const bill = (i: Invoice) => ({
  gateway: 'Xendit',
  orderId: i.externalId,
  amountRupiah: i.amountRupiah,
  description: i.description,
});

function codes(i: Invoice, method: XenditMethodName): PaymentCode[] {
  const { paymentMethod } = methodOf(method);
  switch (paymentMethod) {
    case 'QR_CODE':
      return [{ label: 'Isi kode QR', value: `00020101021226-ANTREAN-${i.id}` }];
    case 'BANK_TRANSFER':
      return [{ label: 'Nomor virtual account', value: i.number }];
    case 'RETAIL_OUTLET':
      return [{ label: 'Kode pembayaran di kasir', value: i.number }];
    case 'EWALLET':
    case 'CREDIT_CARD':
      return [];
    default:
      return paymentMethod satisfies never;
  }
}
