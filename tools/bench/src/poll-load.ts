// The load of the poll benchmark, in its own process. Arguments: port, connections, seconds, and for status reads the secret
// of the tokens and the number of orders; without these it reads /hello.
import { statusToken } from '@antrean/api';
import { load } from './http-load.ts';
import { polledOrderId } from './polled-orders.ts';
import { serve } from './processes.ts';
import { percentile } from './statistics.ts';

export interface PollLoadReport {
  statuses: Record<number, number>;
  perSecond: number;
  errors: number;
  p50Ms: number;
  p99Ms: number;
}

const [port = '', connections = '', seconds = '', secret = '', orders = '1'] = process.argv.slice(2);

const requestOf = (path: string) =>
  Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\n\r\n`);
const pathOf = (orderId: string) => `/v1/orders/${orderId}?token=${statusToken(secret, orderId)}`;
const requests =
  secret === ''
    ? [requestOf('/hello')]
    : Array.from({ length: Number(orders) }, (_, number) => requestOf(pathOf(polledOrderId(number))));
const first = requests[0] ?? requestOf('/hello');

serve(async () => {
  const running = load({
    port: Number(port),
    connections: Number(connections),
    seconds: Number(seconds),
    request: (number) => requests[number % requests.length] ?? first,
  });
  return async () => {
    const { latenciesMs, statuses, perSecond, errors } = await running;
    const report: PollLoadReport = {
      ...{ statuses, perSecond, errors },
      p50Ms: percentile(latenciesMs, 0.5),
      p99Ms: percentile(latenciesMs, 0.99),
    };
    return report;
  };
});
