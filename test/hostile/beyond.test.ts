import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { shipped } from '../support/shipped.ts';
import { until } from '../support/wait.ts';
import { type FilterInput, startTestWeir } from '../support/weir.ts';
import { EAGER } from './harness.ts';
import { GoodTraffic, send } from './load.ts';
import { memoryNow, parseMetrics, Slowdown } from './resources.ts';

const EVIL = 'evil-filter';
const RUN_MS = 1000;
/** Others wait for some callbacks, and on a noisy machine: what holds everybody up takes longer. */
const GOOD_MS = 300;
const MEMORY_SLACK = 128 * 1024 * 1024;

interface Kind {
  readonly letter: string;
  readonly what: string;
  readonly filter?: Omit<FilterInput, 'module'>;
  readonly limit?: string;
  readonly death?: string;
}

const KINDS: readonly Kind[] = [
  { letter: 'c', what: 'as many calls as may be, to an upstream that never answers', limit: 'calls' },
  { letter: 'q', what: 'a queue that is always full', limit: 'queueBytes' },
  { letter: 'm', what: 'metrics without end', limit: 'metrics' },
  { letter: 't', what: 'a tick that traps each time', death: 'trap' },
  { letter: 'h', what: 'endless loops in proxy_on_http_call_response', death: 'interruption' },
  { letter: 'b', what: 'ticks that take long' },
];

/** Takes connections, and nothing comes of them. */
async function silentServer(t: TestContext) {
  const sockets = new Set<Socket>();
  const server = createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, sockets };
}

for (const { letter, what, limit, death } of KINDS) {
  for (const isolation of ['shared', 'request'] as const) {
    test(`${what}, isolation: ${isolation}: others don't notice, and nothing is left`, async t => {
      const silent = await silentServer(t);
      const { port, running, log } = await startTestWeir(t, {
        filters: {
          [EVIL]: {
            module: 'test/hostile/guests/beyond.wasm',
            config: letter,
            isolation,
            // VMs that die while they wait for a stream are held back by it.
            ...(isolation === 'shared' && { restart: EAGER }),
            capabilities: { upstreams: ['app', 'app2'], sharedData: true },
          },
          headers: shipped('security-headers'),
          served: shipped('add-header', { response: { set: { 'x-served-by': 'weir' } } }),
        },
        routes: [
          { match: { path: '/evil' }, upstream: 'app', filters: [EVIL] },
          { match: { path: '/good' }, upstream: 'app', filters: ['headers', 'served'] },
          { upstream: 'app' },
        ],
        upstreams: ['echo', silent.port],
        timeouts: { connect: '500ms', response: '500ms' },
      });
      // What is allocated once.
      await send(port, {});
      const before = await memoryNow();
      const traffic = new GoodTraffic(port);
      t.after(() => traffic.stop());
      await sleep(50);
      traffic.take();
      const clock = new Slowdown();
      for (const end = performance.now() + RUN_MS; performance.now() < end; ) {
        const { status } = await send(port, {});
        assert.ok(status === 200 || status === 503, String(status));
      }
      const slowdown = clock.take();
      const { count, failures, p99 } = traffic.take();
      t.diagnostic(`good p99 ${p99.toFixed(1)} ms, slowdown ${slowdown.toFixed(1)}, ${count} requests`);
      await traffic.stop();
      assert.equal(failures, 0, [...traffic.faults].join());
      assert.ok(count > 20, String(count));
      assert.ok(p99 < GOOD_MS * slowdown, `${p99} ms`);

      const metrics = parseMetrics(await running.metrics());
      const hits = (name: string) =>
        metrics.get(`weir_filter_limit_hits_total{filter="${EVIL}",limit="${name}"}`) ?? 0;
      if (limit !== undefined) assert.ok(hits(limit) > 0, limit);
      const deaths = (kind: string) =>
        metrics.get(`weir_filter_failures_total{filter="${EVIL}",kind="${kind}"}`) ?? 0;
      // With a VM for each request nobody hears of answers, and a death in the pool may not have come yet.
      if (death !== undefined && isolation === 'shared') assert.ok(deaths(death) > 0, death);
      assert.equal(deaths('host_fault'), 0);
      assert.equal(log.lines.filter(({ level }) => level === 'fatal').length, 0);

      await running.close();
      await until(() => silent.sockets.size === 0, 'connections to end');
      let after = await memoryNow();
      for (let tries = 0; tries < 10 && after - before > MEMORY_SLACK; tries++) {
        await sleep(20);
        after = await memoryNow();
      }
      assert.ok(after - before < MEMORY_SLACK, `${(after - before) >> 20} MiB are left`);
    });
  }
}
