import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseDuration } from '../../src/config/units.ts';
import type { LogLine, MemoryLog } from '../support/log.ts';
import { shipped } from '../support/shipped.ts';
import { type FilterInput, startTestWeir, type TestWeir } from '../support/weir.ts';
import { type Handmade, handmade } from './encode.ts';
import {
  type Answer,
  faultOf,
  GOOD_PATHS,
  type GoodLoad,
  GoodTraffic,
  type RequestShape,
  send,
} from './load.ts';
import { memoryNow, parseMetrics, Slowdown } from './resources.ts';

export interface Attack {
  /** The name of guests/NAME.wasm, or a module made by hand. */
  readonly guest: string | Handmade;
  readonly filter?: Omit<FilterInput, 'module'>;
  /** How many, default 20. */
  readonly requests?: number;
  /** How many of them at a time, default 1. */
  readonly concurrency?: number;
  readonly request?: RequestShape;
}

export interface Outcome {
  /** A definite answer to each request. */
  readonly statuses: readonly (number | 'reset')[];
  readonly bodies: readonly string[];
  /** How long each took, in ms. */
  readonly times: readonly number[];
  /** Of the requests to well-behaved routes meanwhile. */
  readonly good: GoodLoad & {
    readonly quietP99: number;
    /** How much longer than on a CPU of its own everything took meanwhile: 1 or more. */
    readonly slowdown: number;
    readonly faults: readonly string[];
  };
  /** `name{labels}` to value. */
  readonly metrics: ReadonlyMap<string, number>;
  readonly log: MemoryLog;
  /** Resident bytes of the process: before and after with garbage collection, and the most that was seen meanwhile. */
  readonly memory: { readonly before: number; readonly most: number; readonly after: number };
  /** What good routes and one more evil request answered when all was over; undefined: as they should. */
  readonly aftermath: string | undefined;
  readonly port: number;
  /** How long a good request may have to wait for evil ones, in ms. */
  readonly deadline: number;
}

const ROUNDS = 3;
const QUIET_MS = 60;
const WARM_MS = 20;
const SLACK_MS = 20;
const MEMORY_SLACK = 48 * 1024 * 1024;
const CALL_TIME = '10ms';

/** The evil filter's name in the configuration: no client may ever see it. */
export const EVIL = 'evil-filter';

/** A VM after every death, without waiting: each request is an attack. Override it to see back-off. */
export const EAGER: NonNullable<FilterInput['restart']> = {
  firstDelay: '1ms',
  maxDelay: '1ms',
  crashesPerMinute: 10_000,
};

/** The whole of Weir with an evil route and good ones beside it. */
export function startAttacked(
  t: Pick<TestContext, 'after'>,
  attack: Pick<Attack, 'guest' | 'filter'>,
): Promise<TestWeir> {
  const { guest, filter = {} } = attack;
  const module = typeof guest === 'string' ? `test/hostile/guests/${guest}.wasm` : handmade(t, guest);
  return startTestWeir(t, {
    filters: {
      [EVIL]: { restart: EAGER, ...filter, module },
      headers: shipped('security-headers'),
      served: shipped('add-header', { response: { set: { 'x-served-by': 'weir' } } }),
    },
    routes: [
      { match: { path: '/evil' }, upstream: 'app', filters: [EVIL] },
      { match: { path: '/good' }, upstream: 'app', filters: ['headers', 'served'] },
      { upstream: 'app' },
    ],
  });
}

/**
 * Attacks a Weir of its own with a hostile filter, while good routes are in use. The machine is noisy: when a good
 * route was slow and none failed, it is done again, up to three times, each with a new Weir; the last one counts.
 */
export async function attack(t: TestContext, what: Attack): Promise<Outcome> {
  // Evil requests that come together are served one after the other, before others have their turn.
  const deadline = parseDuration(what.filter?.limits?.callTime ?? CALL_TIME)! * (what.concurrency ?? 1);
  for (let left = ROUNDS - 1; ; left--) {
    const outcome = await round(what, deadline);
    const { p99, quietP99, slowdown } = outcome.good;
    t.diagnostic(
      `good p99 ${p99.toFixed(1)} ms, quiet ${quietP99.toFixed(1)}, slowdown ${slowdown.toFixed(1)}, ` +
        `${outcome.good.count} requests, evil ones ${mean(outcome.times).toFixed(1)} ms, ` +
        `memory ${mebibytes(outcome.memory.after - outcome.memory.before)} MiB more ` +
        `(at most ${mebibytes(outcome.memory.most - outcome.memory.before)})`,
    );
    if (left === 0 || outcome.good.failures > 0 || p99 < bound(outcome, deadline)) return outcome;
  }
}

const mean = (numbers: readonly number[]) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);

/**
 * The good routes wait for no more than the deadline and a little. Times are on the wall: on a machine that does much
 * else they grow as this thread has to wait for a CPU, and single ones by more than that.
 */
const bound = ({ good }: Outcome, deadline: number) =>
  (deadline + SLACK_MS + good.quietP99) * (1 + 2 * (good.slowdown - 1));

async function round(what: Attack, deadline: number): Promise<Outcome> {
  const ends: (() => unknown)[] = [];
  const { port, log, running } = await startAttacked({ after: fn => ends.push(fn as () => unknown) }, what);
  let traffic = new GoodTraffic(port);
  try {
    await sleep(WARM_MS);
    traffic.take();
    await sleep(QUIET_MS);
    const quiet = traffic.take();
    await traffic.stop();
    const before = await memoryNow();
    const faults = traffic.faults;
    traffic = new GoodTraffic(port);
    // What waited for the garbage collector does not count.
    await sleep(WARM_MS);
    traffic.take();

    const clock = new Slowdown();
    const { answers, times, most } = await strike(port, what);
    const slowdown = clock.take();
    const during = traffic.take();
    await traffic.stop();
    const metrics = parseMetrics(await running.metrics());
    const aftermath = await look(port, what.request ?? {});
    let after = await memoryNow();
    for (let tries = 0; tries < 5 && after - before > MEMORY_SLACK; tries++) {
      await sleep(20);
      after = await memoryNow();
    }
    return {
      statuses: answers.map(answer => answer.status),
      bodies: answers.map(answer => answer.body),
      times,
      good: {
        ...during,
        failures: quiet.failures + during.failures,
        quietP99: quiet.p99,
        slowdown,
        faults: [...faults, ...traffic.faults],
      },
      metrics,
      log,
      memory: { before, most, after },
      aftermath,
      port,
      deadline,
    };
  } finally {
    await traffic.stop();
    for (const end of ends) await end();
  }
}

/** Sends the evil requests; answers in the order they were sent. */
async function strike(port: number, { requests = 20, concurrency = 1, request = {} }: Attack) {
  const answers: Answer[] = [];
  const times: number[] = [];
  let most = 0;
  let next = 0;
  const client = async () => {
    while (next < requests) {
      const i = next++;
      const start = performance.now();
      answers[i] = await send(port, request);
      times[i] = performance.now() - start;
      most = Math.max(most, process.memoryUsage.rss());
      // A new VM takes a millisecond to be allowed.
      await sleep(2);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, client));
  return { answers, times, most };
}

/** One fresh request to each route. */
async function look(port: number, evil: RequestShape): Promise<string | undefined> {
  for (const path of new Set(GOOD_PATHS)) {
    const fault = faultOf(path, await send(port, { path }));
    if (fault !== undefined) return fault;
  }
  await send(port, evil);
  return undefined;
}

/** What an answer of Weir's own may say to a client when a filter failed. */
const SHORT_TEXT = /^(?:\d{3} )?[a-z ,-]{0,60}\n?$/i;
const INTERNALS = /evil|wasm|guest|trap|proxy_on|\/|\bat \S+:\d+|0x|stack|filter/i;

/** Asserts what has to hold whatever the guest did. `deadline`: in place of the outcome's. `slack`: bytes. */
export function assertSurvived(
  outcome: Outcome,
  options: { readonly deadline?: number; readonly slack?: number } = {},
): void {
  const { deadline = outcome.deadline, slack = MEMORY_SLACK } = options;
  const { good, statuses, bodies, memory, aftermath, log } = outcome;
  assert.equal(good.failures, 0, good.faults.join('; '));
  assert.ok(good.count > 0, 'no good request ended');
  assert.ok(
    good.p99 < bound(outcome, deadline),
    `p99 of the good routes is ${good.p99.toFixed(1)} ms, quiet ${good.quietP99.toFixed(1)} ms, ` +
      `slowdown ${good.slowdown.toFixed(1)}`,
  );
  assert.equal(aftermath, undefined);
  for (const [i, status] of statuses.entries()) {
    assert.ok(status === 'reset' || (status >= 200 && status < 600), `no definite answer: ${status}`);
    if (status === 'reset' || status < 500) continue;
    assert.match(bodies[i]!, SHORT_TEXT);
    assert.doesNotMatch(bodies[i]!, INTERNALS);
  }
  assert.ok(memory.after - memory.before < slack, `${memory.after - memory.before} bytes more than before`);
  assert.deepEqual(log.at('fatal'), []);
}

export type DeathKind = 'trap' | 'interruption' | 'exit' | 'host_fault' | 'start';

/** Deaths of the evil filter's VMs, by kind; kinds that did not happen are left out. */
export function deaths({ metrics }: Pick<Outcome, 'metrics'>): Partial<Record<DeathKind, number>> {
  const kinds: readonly DeathKind[] = ['trap', 'interruption', 'exit', 'host_fault', 'start'];
  const count = (kind: DeathKind) =>
    metrics.get(`weir_filter_failures_total{filter="${EVIL}",kind="${kind}"}`) ?? 0;
  return Object.fromEntries(kinds.map(kind => [kind, count(kind)] as const).filter(([, n]) => n > 0));
}

/** How often the evil filter reached one of its limits. */
export function limitHits({ metrics }: Pick<Outcome, 'metrics'>, limit: string): number {
  return metrics.get(`weir_filter_limit_hits_total{filter="${EVIL}",limit="${limit}"}`) ?? 0;
}

/** A gauge or counter of the evil filter. */
export function ofEvil({ metrics }: Pick<Outcome, 'metrics'>, name: string): number {
  return metrics.get(`weir_filter_${name}{filter="${EVIL}"}`) ?? 0;
}

export interface Report {
  readonly code: 'GUEST_TRAP' | 'GUEST_TIMEOUT' | 'GUEST_EXIT';
  readonly callback: string;
  readonly message?: RegExp;
  /** A function of the guest that has to stand in the backtrace. */
  readonly frame?: string;
}

/** Asserts that a death was logged, with all that an operator needs; gives the line. */
export function assertReported({ log }: Pick<Outcome, 'log'>, report: Report): LogLine {
  const { code, callback, message = /./, frame } = report;
  const errors = log.at('error').filter(line => line.fields['code'] === code);
  const line = errors.find(l => l.fields['callback'] === callback && message.test(l.message));
  assert.ok(
    line !== undefined,
    `no ${code} of ${callback} (${message}) among ${JSON.stringify(log.at('error').slice(0, 3))}`,
  );
  assert.equal(line.fields['filter'], EVIL);
  if (frame !== undefined) {
    const frames = line.fields['backtrace'] as readonly string[];
    assert.ok(
      frames.some(text => text.includes(frame)),
      `${frame} is not in the backtrace: ${frames.slice(0, 5).join(', ')}`,
    );
  }
  return line;
}
