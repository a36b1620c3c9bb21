// The load of the accept benchmark, in its own process: new orders, each with a new idempotency key.
import { load } from './http-load.ts';
import { serve } from './processes.ts';
import { percentile } from './statistics.ts';

const [port = '', key = '', connections = '', seconds = '', rate = '', run = ''] = process.argv.slice(2);

const HEAD =
  `POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${key}\r\n` +
  'Content-Type: application/json\r\nAccept: application/json\r\n';

/** A storefront's request: some 550 bytes. */
function request(number: number): string {
  const body =
    `{"customer":{"name":"Siti Rahmawati","email":"siti.rahmawati${number}@example.test","phone":"+62812${10_000_000 + number}"},` +
    '"items":[{"sku":"BENCH-0000","quantity":1}],"paymentMethod":"online","shippingFee":18000,' +
    '"shippingAddress":{"recipient":"Siti Rahmawati","street":"Jalan Kebon Jeruk Raya No. 12, RT 04 RW 07",' +
    '"district":"Kebon Jeruk","city":"Jakarta Barat","province":"DKI Jakarta","postalCode":"11530"}}';
  return `${HEAD}Idempotency-Key: ${run}-${number}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** The report of `load`, with the latencies as percentiles. */
export interface OrderLoadReport {
  statuses: Record<number, number>;
  perSecond: number;
  errors: number;
  unsent: number;
  p50Ms: number;
  p99Ms: number;
}

serve(async () => {
  const running = load({
    port: Number(port),
    connections: Number(connections),
    seconds: Number(seconds),
    ...(rate === '' ? {} : { rate: Number(rate) }),
    request,
  });
  return async () => {
    const { latenciesMs, statuses, perSecond, errors, unsent } = await running;
    const report: OrderLoadReport = {
      ...{ statuses, perSecond, errors, unsent },
      p50Ms: percentile(latenciesMs, 0.5),
      p99Ms: percentile(latenciesMs, 0.99),
    };
    return report;
  };
});
