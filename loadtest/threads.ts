/**
 * Where the CPU of a request goes, thread by thread: no filter, filters that do nothing but be called, and a header
 * filter. Linux only.
 *
 *     node loadtest/threads.ts [--rounds 12] [--json]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import wabt from 'wabt';
import { Child } from '../src/bench/child.ts';
import type { LoadRequest, LoadResult, Ready, Start } from '../src/bench/messages.ts';
import { Progress } from '../src/bench/progress.ts';
import { median } from '../src/bench/statistics.ts';
import type { FilterInput } from './scenarios/weir.ts';
import { HEADERS, RUST, repeat, weir } from './scenarios/weir.ts';

const AMOUNT = 15_000;
const WARM_UP = 4;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '12' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help || process.platform !== 'linux') {
  console.log('node loadtest/threads.ts [--rounds 12] [--json]: reads /proc, so on Linux only');
  process.exit(values.help ? 0 : 1);
}

const directory = mkdtempSync(join(tmpdir(), 'weir-threads-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const assembler = await wabt();

const REQUEST = '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)';
const RESPONSE = '(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) i32.const 0)';
const STREAM = `(func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_delete") (param i32))`;

/** A filter whose callbacks do nothing. */
function idle(name: string, callbacks: string): FilterInput {
  const text = `(module (memory (export "memory") 2) (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024) ${callbacks})`;
  const module = assembler.parseWat(`${name}.wat`, text);
  const file = join(directory, `${name}.wasm`);
  writeFileSync(file, module.toBinary({}).buffer);
  module.destroy();
  return { module: file };
}

const chains: readonly (readonly [string, readonly FilterInput[]])[] = [
  ['no filter', []],
  ['called for requests', [idle('request', REQUEST)]],
  ['called for responses, too', [idle('both', REQUEST + RESPONSE)]],
  ['and at begin and end of a stream', [idle('stream', REQUEST + RESPONSE + STREAM)]],
  ['1 Rust header filter', [RUST]],
  ['10 Rust header filters', repeat(RUST, 10)],
];

/** µs of each kind of thread per request, a figure a round. */
interface Running {
  readonly name: string;
  readonly child: Child;
  readonly url: string;
  readonly main: number[];
  readonly watchdog: number[];
  readonly v8: number[];
}

/** µs on a CPU, by what the thread is. */
function threads(pid: number): { main: number; watchdog: number; v8: number } {
  const sum = { main: 0, watchdog: 0, v8: 0 };
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const read = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8');
    const name = read('comm').trim();
    const kind = Number(thread) === pid ? 'main' : name.startsWith('weir watchdog') ? 'watchdog' : 'v8';
    sum[kind] += Number(read('schedstat').split(' ')[0]) / 1000;
  }
  return sum;
}

const script = (name: string) => new URL(`../src/bench/${name}.ts`, import.meta.url);
const upstream = new Child('upstream', script('upstream'));
const generator = new Child('load generator', script('generator'));
const started: Child[] = [];
const progress = new Progress();
try {
  const [{ url: upstreamUrl }] = await Promise.all([
    upstream.ask<Ready>({ upstream: '', input: 512 } satisfies Start),
    generator.next(),
  ]);
  const load = async (url: string) => {
    const load = { path: '/', headers: HEADERS };
    const request: LoadRequest = {
      key: '',
      url,
      load,
      connections: 32,
      amount: AMOUNT,
      rate: 0,
      patience: 60,
    };
    const { answers, error } = await generator.ask<LoadResult>(request);
    if (error !== '') throw new Error(error);
    return answers;
  };
  const running: Running[] = [];
  for (const [name, filters] of chains) {
    progress.show(`warm-up: ${name}`, 0);
    const { script: file, input } = weir(name, filters);
    const child = new Child(name, file!);
    started.push(child);
    const { url } = await child.ask<Ready>({ upstream: upstreamUrl, input } satisfies Start);
    for (let i = 0; i < WARM_UP; i++) await load(url);
    running.push({ name, child, url, main: [], watchdog: [], v8: [] });
  }
  const rounds = Number(values.rounds);
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < running.length; i++) {
      const target = running[(i + round) % running.length]!;
      progress.show(`round ${round + 1}: ${target.name}`, (round + i / running.length) / rounds);
      const before = threads(target.child.pid);
      const answers = await load(target.url);
      const after = threads(target.child.pid);
      for (const kind of ['main', 'watchdog', 'v8'] as const)
        target[kind].push((after[kind] - before[kind]) / answers);
    }
  }
  progress.end();
  const rows = running.map(({ name, main, watchdog, v8 }) => ({
    name,
    main: median(main),
    'main, over no filter': median(main.map((value, round) => value - running[0]!.main[round]!)),
    watchdog: median(watchdog),
    'V8 and libuv': median(v8),
  }));
  if (values.json) console.log(JSON.stringify(rows));
  else {
    console.log('µs of CPU per request, medians');
    console.table(
      rows.map(row =>
        Object.fromEntries(
          Object.entries(row).map(([k, v]) => [k, typeof v === 'number' ? v.toFixed(2) : v]),
        ),
      ),
    );
  }
} finally {
  progress.end();
  await Promise.all([upstream, generator, ...started].map(child => child.end()));
}
