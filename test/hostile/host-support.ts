import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogLine } from '../support/log.ts';
import type { TransportName } from '../support/proxy.ts';
import { shipped } from '../support/shipped.ts';
import { until } from '../support/wait.ts';
import { type FilterInput, startTestWeir, type TestWeir } from '../support/weir.ts';
import { EAGER } from './harness.ts';
import { GoodPulse, type Got, type Sent, send, startStreamingEcho } from './host-client.ts';
import { memoryNow, parseMetrics } from './resources.ts';

/** The log keeps what guests wrote. */
const MEMORY_SLACK = 128 * 1024 * 1024;
/** Many filters die at the same time, on a machine that is noisy: the exact bound is the harness's. */
const GOOD_MS = 2000;

export type EvilFilter = Omit<FilterInput, 'module'>;

/** One Weir with many evil filters, each on a route and in a VM of its own, and well-behaved routes in use. */
export interface Swarm {
  readonly weir: TestWeir;
  /** Sends a request through that filter. Rejects when there is no definite answer in time. */
  send(filter: string, sent?: Sent): Promise<Got>;
  /** The same; resolves when the request waits in host-script, which its path makes say so: `/!g7=1`. */
  hold(filter: string, sent: Sent): Promise<{ readonly answer: Promise<Got> }>;
  /** What the filter logged. */
  logged(filter: string): string[];
  metrics(): Promise<SwarmMetrics>;
  /** Asserts that nobody but the evil requests noticed anything, and that nothing is left of them. */
  survived(expected?: { readonly hostFaults?: boolean; readonly contexts?: boolean }): Promise<SwarmMetrics>;
}

export interface SwarmMetrics {
  /** VMs that died, by kind. */
  deaths(filter: string): Partial<Record<string, number>>;
  limitHits(filter: string, limit: string): number;
  of(filter: string, name: string): number;
}

export interface SwarmOptions {
  /** The upstream answers chunk by chunk while the request comes in; else when it is whole. */
  readonly streaming?: boolean;
  readonly transport?: TransportName;
  /** Well-behaved filters stand before and behind the evil one. */
  readonly between?: boolean;
}

/** Map 7 is there, and empty, for everyone. */
const WAITS = 'd:g7=0';
const KINDS = ['trap', 'interruption', 'exit', 'host_fault', 'start'];

/** `filters` by a name; all of them run `guest`. */
export async function startSwarm(
  t: TestContext,
  guest: string,
  filters: Readonly<Record<string, EvilFilter>>,
  options: SwarmOptions = {},
): Promise<Swarm> {
  const upstream = await startStreamingEcho(options.streaming);
  t.after(() => upstream.close());
  const module = guest.startsWith('/') ? guest : `test/hostile/guests/${guest}.wasm`;
  const names = Object.keys(filters);
  const weir = await startTestWeir(t, {
    ...(options.transport === undefined ? {} : { transport: options.transport }),
    filters: {
      ...Object.fromEntries(
        names.map(name => [`evil-${name}`, { restart: EAGER, vmId: name, ...filters[name], module }]),
      ),
      headers: shipped('security-headers'),
      served: shipped('add-header', { response: { set: { 'x-served-by': 'weir' } } }),
    },
    upstreams: [upstream.port],
    routes: [
      ...names.map(name => ({
        match: { headers: { 'x-case': name } },
        upstream: 'app',
        filters: options.between === true ? ['headers', `evil-${name}`, 'served'] : [`evil-${name}`],
      })),
      { match: { path: '/good' }, upstream: 'app', filters: ['headers', 'served'] },
      { upstream: 'app' },
    ],
  });
  const before = await memoryNow();
  const traffic = new GoodPulse(weir.port);
  t.after(() => traffic.stop());
  const metrics = async () => readMetrics(await weir.running.metrics());
  const logged = (filter: string) =>
    weir.log.lines.filter(line => line.fields['filter'] === `evil-${filter}`).map(line => line.message);
  const sendTo = (filter: string, sent: Sent = {}) => send(weir.port, filter, sent);
  const swarm: Swarm = {
    weir,
    send: sendTo,
    hold: async (filter, sent) => {
      const { lines } = weir.log;
      let at = lines.length;
      const answer = sendTo(filter, sent);
      answer.catch(() => {});
      const isMark = ({ fields, message }: LogLine) =>
        message === WAITS && fields['filter'] === `evil-${filter}`;
      await until(() => {
        for (; at < lines.length; at++) if (isMark(lines[at]!)) return true;
        return false;
      }, `${filter} to hold ${sent.path}`);
      return { answer };
    },
    logged,
    metrics,
    survived: async ({ hostFaults = false, contexts = false } = {}) => {
      await traffic.stop();
      assert.deepEqual(traffic.faults, []);
      assert.ok(traffic.count > 0, 'no good request ended');
      assert.ok(traffic.slowest < GOOD_MS, `a good request took ${traffic.slowest.toFixed(0)} ms`);
      assert.equal((await sendTo('none', { path: '/good' })).status, 200);
      const now = await metrics();
      const faulty = hostFaults ? [] : names.filter(name => now.deaths(name)['host_fault'] !== undefined);
      assert.deepEqual(faulty, [], 'faults in hostcalls');
      if (!contexts) await untilNone(metrics, names);
      let after = await memoryNow();
      for (let tries = 0; tries < 5 && after - before > MEMORY_SLACK; tries++) after = await memoryNow();
      assert.ok(after - before < MEMORY_SLACK, `${after - before} bytes more than before`);
      // A guest may call its own lines fatal.
      const fatal = weir.log.at('fatal').filter(line => line.fields['filter'] === undefined);
      assert.deepEqual(fatal, []);
      return now;
    },
  };
  return swarm;
}

async function untilNone(metrics: () => Promise<SwarmMetrics>, names: readonly string[]): Promise<void> {
  for (let tries = 0; ; tries++) {
    const now = await metrics();
    const left = names.filter(name => now.of(name, 'contexts') !== 0);
    if (left.length === 0) return;
    assert.ok(tries < 20, `contexts are left: ${left.join()}`);
    await sleep(20);
  }
}

function readMetrics(text: string): SwarmMetrics {
  const values = parseMetrics(text);
  const of = (name: string, labels: string) => values.get(`weir_filter_${name}{${labels}}`) ?? 0;
  return {
    deaths: filter =>
      Object.fromEntries(
        KINDS.map(
          kind => [kind, of('failures_total', `filter="evil-${filter}",kind="${kind}"`)] as const,
        ).filter(([, n]) => n > 0),
      ),
    limitHits: (filter, limit) => of('limit_hits_total', `filter="evil-${filter}",limit="${limit}"`),
    of: (filter, name) => of(name, `filter="evil-${filter}"`),
  };
}

/** Runs `task` for each item, so many at a time. */
export async function eachOf<T>(
  items: Iterable<T>,
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: width }, work));
}
