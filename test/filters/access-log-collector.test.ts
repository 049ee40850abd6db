import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { get } from '../support/raw-client.ts';
import { shipped } from '../support/shipped.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

/** Takes batches; it can go away, and come back on the same port. */
class Collector {
  readonly batches: string[][] = [];
  #server: Server | undefined;
  #port = 0;

  async listen(): Promise<number> {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => {
        this.batches.push(Buffer.concat(chunks).toString().trimEnd().split('\n'));
        response.writeHead(204).end();
      });
    });
    await new Promise<void>(resolve => this.#server!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
    return this.#port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    await new Promise(resolve => {
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  get paths(): string[] {
    return this.batches.flat().map(line => (JSON.parse(line) as { path: string }).path);
  }
}

async function setup(t: TestContext, config: object = {}, limits = {}) {
  const collector = new Collector();
  const port = await collector.listen();
  t.after(() => collector.close());
  const log = shipped('access-log', {}, { rootId: 'log', capabilities: { sharedData: true }, limits });
  const ship = shipped(
    'access-log',
    { upstream: 'app2', interval: '20ms', timeout: '1s', ...config },
    { rootId: 'ship', capabilities: { sharedData: true, upstreams: ['app2'] } },
  );
  const weir = await startTestWeir(t, {
    upstreams: ['echo', port],
    filters: { log, ship },
    routes: [{ upstream: 'app', filters: ['log'] }],
    services: [{ filter: 'ship' }],
  });
  const send = async (from: number, to: number) => {
    const paths = Array.from({ length: to - from }, (_, i) => `/${from + i}`);
    for (const path of paths) assert.equal((await get(weir.port, path)).status, 200);
    return paths;
  };
  const metric = async (name: string): Promise<number> => {
    const text = await weir.running.metrics();
    return Number(new RegExp(`^\\S*access_log_${name}\\S* (\\d+)$`, 'm').exec(text)?.[1]);
  };
  return { ...weir, collector, send, metric };
}

describe('access-log and a collector', () => {
  it('every request arrives once, in order, in batches', async t => {
    const { collector, send, metric } = await setup(t, { maxLines: 20 });
    const paths = await send(0, 100);
    await until(() => collector.paths.length >= 100, 'all lines');
    assert.deepEqual(collector.paths, paths);
    assert.ok(collector.batches.every(({ length }) => length <= 20));
    const line = JSON.parse(collector.batches[0]![0]!) as Record<string, unknown>;
    assert.deepEqual([line['method'], line['status'], line['upstream']], ['GET', 200, 'app']);
    await untilMetric(() => metric('shipped'), 100);
  });

  it('while it is away lines wait, and requests do not; then they arrive', async t => {
    const { collector, send, log } = await setup(t, { retries: 1000 });
    await send(0, 5);
    await until(() => collector.paths.length === 5, 'the first lines');
    await collector.close();
    await send(5, 30);
    await until(() => log.lines.some(({ message }) => /app2 takes no lines/.test(message)), 'a failure');
    await collector.listen();
    await until(() => collector.paths.length >= 30, 'all lines');
    assert.deepEqual(
      collector.paths,
      Array.from({ length: 30 }, (_, i) => `/${i}`),
    );
  });

  it('says what the client got: an answer of a filter behind, and of Weir itself', async t => {
    const collector = new Collector();
    const port = await collector.listen();
    t.after(() => collector.close());
    const log = shipped('access-log', {}, { rootId: 'log', capabilities: { sharedData: true } });
    const config = { upstream: 'app2', interval: '20ms' };
    const capabilities = { sharedData: true, upstreams: ['app2'] };
    const ship = shipped('access-log', config, { rootId: 'ship', capabilities });
    const token = shipped('jwt', { secret: 'a-secret-of-at-least-thirty-two-bytes' });
    const weir = await startTestWeir(t, {
      upstreams: [await closedPort(), port],
      filters: { log, ship, token },
      routes: [
        { match: { path: '/token' }, upstream: 'app', filters: ['log', 'token'] },
        { upstream: 'app', filters: ['log'] },
      ],
      services: [{ filter: 'ship' }],
    });
    assert.equal((await get(weir.port, '/token')).status, 401);
    assert.equal((await get(weir.port, '/')).status, 502);
    await until(() => collector.paths.length === 2, 'both lines');
    const lines = collector.batches.flat().map(line => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      lines.map(line => [line['path'], line['status']]),
      [
        ['/token', 401],
        ['/', 502],
      ],
    );
    assert.equal(lines[0]!['details'], 'jwt');
  });

  it('what has no room in the queue is dropped and counted', async t => {
    const { collector, send, metric } = await setup(t, { interval: '60m' }, { queueLength: 10 });
    await send(0, 25);
    await untilMetric(() => metric('dropped'), 15);
    assert.equal(collector.batches.length, 0);
  });
});

async function untilMetric(read: () => Promise<number>, expected: number): Promise<void> {
  let last = Number.NaN;
  const asking = setInterval(async () => {
    last = await read();
  }, 10);
  try {
    await until(() => last === expected, `a metric of ${expected}`);
  } finally {
    clearInterval(asking);
  }
}
