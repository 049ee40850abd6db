import { extname } from 'node:path';
import { WeirError } from '../errors.ts';
import { Child } from './child.ts';
import type { LatencyRequest, LoadRequest, LoadResult, Ready, Start, Usage } from './messages.ts';
import type { Case, RunOptions, Scenario } from './scenario.ts';
import { confidence, stat } from './statistics.ts';
import type { CaseResult, FilterCost, GroupResult, Latency, Stat } from './types.ts';

/** `.ts` from source, `.js` in the build. */
const script = (name: string) => new URL(`./${name}${extname(import.meta.url)}`, import.meta.url);

/** Requests per connection by which the rate becomes known. */
const PROBE = 5;
/** Requests after which nothing new gets compiled. */
const WARM = 20_000;
/** In place of ratios, where a case or its base had no answers. */
const NOTHING: Stat = { median: 0, low: 0, high: 0 };
/** Seconds of a slice at a fixed rate, at least: below that its beginning counts too much. */
const LEAST_FIXED = 2;
/** Share of a fixed rate that counts as reached. */
const REACHED = 0.8;
/** A slice may take so many times as long as it should, and so many seconds more. */
const PATIENCE = { times: 5, seconds: 10 };
/** Most requests in one slice, whatever the rate. */
const MOST = 200_000;

interface Process {
  readonly child: Child;
  readonly url: string;
}

/** A case and what was measured of it, a figure per round. */
class Running {
  readonly case: Case;
  readonly #process: Process;
  readonly connections: number;
  readonly cpu: number[] = [];
  readonly rate: number[] = [];
  requests = 0;
  errors = 0;
  error = '';
  /** It stood still: what comes after would, too. */
  #givenUp = false;
  /** Per second, as far as is known. */
  #pace = 0;

  constructor(each: Case, process: Process, connections: number) {
    this.case = each;
    this.#process = process;
    this.connections = each.load.connections ?? connections;
  }

  usage(): Promise<Usage> {
    return this.#process.child.ask<Usage>({});
  }

  async slice(generator: Child, seconds: number, rate: number, key: string, most = MOST): Promise<void> {
    const { load } = this.case;
    const amount =
      rate > 0
        ? rate * Math.ceil(seconds)
        : this.#pace === 0
          ? this.connections * PROBE
          : this.#pace * seconds;
    const request: LoadRequest = {
      key,
      url: this.#process.url,
      load,
      connections: this.connections,
      amount: Math.round(Math.min(most, Math.max(amount, this.connections))),
      rate: load.websocket === undefined ? rate : 0,
      patience: PATIENCE.seconds + PATIENCE.times * seconds,
    };
    if (this.#givenUp) {
      this.cpu.push(Number.NaN);
      this.rate.push(Number.NaN);
      return;
    }
    const before = await this.usage();
    const result = await generator.ask<LoadResult>(request);
    const after = await this.usage();
    if (result.errors > 0 && this.errors === 0) this.error = result.error;
    this.errors += result.errors;
    this.#givenUp = result.late;
    if (result.answers > 0) this.#pace = result.answers / Math.max(result.seconds, 0.001);
    if (key === '') return;
    this.requests += result.answers;
    // Every round has a figure, so that those of one round are compared.
    const measured = result.answers > 0;
    this.cpu.push(measured ? (after.cpu - before.cpu) / result.answers : Number.NaN);
    this.rate.push(measured ? this.#pace : Number.NaN);
  }

  /** Latencies at a rate mean nothing when it wasn't reached. */
  expectRate(rate: number): void {
    const reached = stat(this.rate.filter(Number.isFinite)).median;
    if (rate === 0 || this.case.load.websocket !== undefined || !(reached < rate * REACHED)) return;
    if (this.errors === 0) this.error = `only ${Math.round(reached)} requests per second of ${rate}`;
    this.errors++;
  }
}

/**
 * Runs all scenarios, one after the other. The generator, the upstream and each target are processes of their own,
 * and end with this call.
 * @throws WeirError BENCH_FAILED when a process can't be started or ends
 */
export async function measure(scenarios: readonly Scenario[], options: RunOptions): Promise<GroupResult[]> {
  const upstream = new Child('upstream', script('upstream'));
  const generator = new Child('load generator', script('generator'));
  try {
    const [{ url }] = await Promise.all([
      upstream.ask<Ready>({ upstream: '', input: options.responseBody } satisfies Start),
      generator.next(),
    ]);
    const all = scenarios.reduce((sum, { cases }) => sum + cases.length, 0);
    const groups: GroupResult[] = [];
    let done = 0;
    for (const scenario of scenarios) {
      const share = scenario.cases.length / all;
      const progress = (text: string, part: number) =>
        options.progress(`${scenario.name}: ${text}`, done + part * share);
      groups.push(await group(scenario, { child: upstream, url }, generator, { ...options, progress }));
      done += share;
    }
    return groups;
  } finally {
    await Promise.all([upstream.end(), generator.end()]);
  }
}

async function group(
  scenario: Scenario,
  upstream: Process,
  generator: Child,
  options: RunOptions,
): Promise<GroupResult> {
  const { rounds, slice, warmUp, progress } = options;
  const rate = options.rate || (scenario.rate ?? 0);
  const started: Child[] = [];
  try {
    const processes = new Map<string, Process>();
    for (const { name, script, input } of scenario.targets) {
      progress(`starting ${name}`, 0);
      if (script === null) {
        processes.set(name, upstream);
        continue;
      }
      const child = new Child(name, script);
      started.push(child);
      processes.set(name, {
        child,
        url: (await child.ask<Ready>({ upstream: upstream.url, input } satisfies Start)).url,
      });
    }
    const running = scenario.cases.map(each => {
      const process = processes.get(each.target);
      if (process === undefined)
        throw new WeirError('BENCH_FAILED', `${each.name}: no target ${each.target}`);
      return new Running(each, process, options.connections);
    });
    const seconds = running.length * (warmUp + rounds * slice);
    let spent = 0;
    for (const run of running) {
      progress(`warm-up: ${run.case.name}`, spent / seconds);
      // As fast as it goes, also where the rate is fixed later. The second slice's rate is that of code half compiled.
      for (const part of [0, warmUp / 8, warmUp]) await run.slice(generator, part, 0, '', WARM);
      spent += warmUp;
    }
    for (let round = 1; round <= rounds; round++) {
      // Each round begins with another one: nobody always comes after the same.
      const first = round % running.length;
      for (const run of [...running.slice(first), ...running.slice(0, first)]) {
        progress(`round ${round} of ${rounds}: ${run.case.name}`, spent / seconds);
        await run.slice(generator, rate > 0 ? Math.max(slice, LEAST_FIXED) : slice, rate, run.case.name);
        spent += slice;
      }
    }
    const cases: CaseResult[] = [];
    for (const run of running) {
      run.expectRate(rate);
      cases.push(await result(run, running, generator));
    }
    const { name, title, unit = 'request' } = scenario;
    return { name, title, unit, fixedRate: rate, cases };
  } finally {
    await Promise.all(started.map(child => child.end()));
  }
}

async function result(run: Running, all: readonly Running[], generator: Child): Promise<CaseResult> {
  const { name, base: of = all[0]!.case.name, filters = 0, series = '' } = run.case;
  const base = all.find(each => each.case.name === of) ?? run;
  const usage = await run.usage();
  const latency = await generator.ask<Latency>({ latencyOf: name } satisfies LatencyRequest);
  const ratios = (figures: (of: Running) => readonly number[]) => {
    const list = figures(run).flatMap((figure, i) => {
      const ratio = figure / figures(base)[i]!;
      return Number.isFinite(ratio) ? [ratio] : [];
    });
    return list.length === 0 ? NOTHING : stat(list);
  };
  return {
    name,
    series,
    filters,
    base: base.case.name,
    requests: run.requests,
    errors: run.errors,
    error: run.error,
    rate: run.requests === 0 ? null : stat(run.rate.filter(Number.isFinite)),
    cpu: run.requests === 0 ? null : stat(run.cpu.filter(Number.isFinite)),
    latency: run.requests === 0 ? null : latency,
    peakMemory: usage.peak,
    ratios: { cpu: ratios(r => r.cpu), rate: ratios(r => r.rate) },
    cost: filters === 0 || base === run ? null : cost(run, base, filters),
  };
}

function cost(run: Running, base: Running, filters: number): FilterCost | null {
  const pairs = run.cpu.flatMap((cpu, i) => {
    const without = base.cpu[i];
    const more = (cpu - without!) / filters;
    return Number.isFinite(more) ? [[more, without!] as const] : [];
  });
  if (pairs.length === 0) return null;
  return {
    filters,
    micros: confidence(pairs.map(([more]) => more)),
    share: confidence(pairs.map(([more, without]) => more / without)),
  };
}
