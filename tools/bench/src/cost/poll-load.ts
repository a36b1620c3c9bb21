// Status reads by token, in their own process. Arguments: port, connections, seconds, rate or '', a file with a path a line.
import { readFileSync } from 'node:fs';
import { load } from '../http-load.ts';
import { serve } from '../processes.ts';
import { percentile } from '../statistics.ts';

const [port = '', connections = '', seconds = '', rate = '', file = ''] = process.argv.slice(2);
const requests = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\n\r\n`);

serve(async () => {
  const running = load({
    port: Number(port),
    connections: Number(connections),
    seconds: Number(seconds),
    ...(rate === '' ? {} : { rate: Number(rate) }),
    request: (number) => requests[number % requests.length] ?? '',
  });
  return async () => {
    const { latenciesMs, statuses, perSecond } = await running;
    return {
      ...{ statuses, perSecond },
      ...{ p50Ms: percentile(latenciesMs, 0.5), p99Ms: percentile(latenciesMs, 0.99) },
    };
  };
});
