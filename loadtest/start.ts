/**
 * What a start costs: from spawning `weir run` until it answers a request, with three filters, from source and from the
 * build, everything that is kept on disk being there. Beside it, in the same rounds, Node alone and the smallest server:
 * absolute figures are this machine's, the ratios are what counts.
 *
 *     node loadtest/start.ts [--rounds 15] [--compare DIR] [--workers 1,2] [--json]
 *
 * `--workers`: with so many threads each; without, as many as Weir takes by itself. `--compare`: another checkout of Weir, measured in the same rounds. A build is made when it is older than its source.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';

/** Of all rounds: the median and the middle half. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface StartRow {
  readonly name: string;
  /** ms from the spawn until the first request was answered; for Node alone until it ended. */
  readonly listensMs: Spread;
  /** The same, divided by what the smallest server took in the same round. */
  readonly ratio: Spread;
  /** CPU ms of all threads until then; 0 where the system doesn't tell (only Linux does). */
  readonly cpuMs: number;
  /** Resident then; 0 where the system doesn't tell. */
  readonly rssBytes: number;
  /** Resident after 100 requests. */
  readonly rssServedBytes: number;
  /** The most that was resident at any time. */
  readonly rssPeakBytes: number;
  /** ms of the very first start, when nothing was kept on disk; one sample. */
  readonly coldMs: number;
}

export interface StartOptions {
  readonly rounds?: number;
  /** Another checkout of Weir, to be measured in the same rounds. */
  readonly compare?: string;
  /** Threads; each number is measured. Default: what Weir takes by itself. */
  readonly workers?: readonly (number | 'auto')[];
  /** ms that all rounds together may take: fewer are made then. */
  readonly timeLimit?: number;
  /** Told of each start that is made. */
  progress?(text: string): void;
}

interface Target {
  readonly name: string;
  /** Its working directory. */
  readonly root: string;
  /** Arguments of node. */
  args(port: number): readonly string[];
  /** It serves; otherwise it ends by itself. */
  readonly serves: boolean;
}

interface Sample {
  readonly ms: number;
  readonly cpuMs: number;
  readonly rss: number;
  readonly rssServed: number;
  readonly rssPeak: number;
}

const NODE = 'node -e 0';
const SERVER = 'node, the smallest HTTP server';
const THIS = resolve(import.meta.dirname, '..');
/** ms that one start may take. */
const START_LIMIT = 30_000;
const REQUESTS = 100;
/** Signed with the secret below, valid until 2100. */
const TOKEN =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm5hIiwiaXNzIjoiaHR0cHM6Ly9sb2dpbi5leGFtcGxlLmNvbSIsImV4cCI6NDEwMjQ0NDgwMH0.zrC304xOcjshQsyODXg3xBRE6kwpvjVmaguNfUMXClg';

const HEADER = { response: { set: { 'x-served-by': 'weir' } } };

/** Three filters each: folder under filters, configuration. */
const CHAINS: readonly {
  readonly name: string;
  readonly filters: readonly (readonly [string, unknown])[];
}[] = [
  {
    name: '3 modules (Rust, C, AssemblyScript)',
    filters: [
      ['rust/add-header', HEADER],
      ['c/security-headers', undefined],
      ['assemblyscript/ab-test', { variants: { a: 50, b: 50 } }],
    ],
  },
  {
    name: '3 large modules (Go, Rust, Rust)',
    filters: [
      ['go/cookie-to-header', { cookies: { session: 'x-session' } }],
      ['rust/body-rewrite', { response: [{ pattern: 'a', replacement: 'b' }] }],
      ['rust/jwt', { secret: 'replace-this-with-32-bytes-of-your-own' }],
    ],
  },
  {
    name: '3 components (Rust, C, AssemblyScript)',
    filters: [
      ['rust/add-header-component', HEADER],
      ['c/add-header-component', HEADER],
      ['assemblyscript/add-header-component', HEADER],
    ],
  },
];

function configuration(
  filters: (typeof CHAINS)[number]['filters'],
  upstream: string,
  workers: number | 'auto',
): string {
  const names = filters.map(([folder]) => folder.replaceAll('/', '-'));
  const entries = filters.map(([folder, config], i) => {
    const module = join(THIS, 'filters', folder, `${folder.split('/').at(-1)}.wasm`);
    return [names[i]!, { module, ...(config !== undefined && { config }) }] as const;
  });
  // JSON is YAML.
  return JSON.stringify({
    listeners: [{ address: '127.0.0.1:8080', routes: [{ upstream: 'app', filters: names }] }],
    upstreams: { app: { endpoints: [upstream] } },
    filters: Object.fromEntries(entries),
    log: { level: 'error' },
    // An older checkout, to compare with, doesn't know the key.
    ...(workers !== 'auto' && { workers }),
  });
}

/** Starts everything in turn, `rounds` times, in a temporary directory. Nothing is left behind. */
export async function measureStart(options: StartOptions = {}): Promise<StartRow[]> {
  const { rounds = 15, timeLimit = 300_000, workers: counts = ['auto'], progress } = options;
  const roots = [THIS, ...(options.compare === undefined ? [] : [resolve(options.compare)])];
  progress?.('build');
  for (const root of roots) await build(root);
  const directory = mkdtempSync(join(tmpdir(), 'weir-start-'));
  const upstream = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  try {
    await once(upstream, 'listening');
    const upstreamUrl = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const targets: Target[] = [
      { name: NODE, root: THIS, args: () => ['-e', '0'], serves: false },
      { name: SERVER, root: THIS, args: port => ['-e', smallest(port)], serves: true },
    ];
    const variants = CHAINS.flatMap(chain => counts.map(workers => ({ ...chain, workers })));
    for (const [i, { name, filters, workers }] of variants.entries()) {
      const file = join(directory, `weir-${i}.yaml`);
      writeFileSync(file, configuration(filters, upstreamUrl, workers));
      const threads = workers === 'auto' ? '' : `, workers: ${workers}`;
      for (const [origin, script] of [
        ['build', 'dist/main.js'],
        ['source', 'src/main.ts'],
      ] as const) {
        for (const root of roots) {
          const args = (port: number) => [join(root, script), 'run', file, '--port', String(port)];
          const whose = root === THIS ? '' : `, ${basename(root)}`;
          targets.push({ name: `weir from ${origin}, ${name}${threads}${whose}`, root, args, serves: true });
        }
      }
    }
    // What is kept on disk: one directory for each target, so that each has had its own first start.
    const start = (target: Target) => measure(target, join(directory, `home-${targets.indexOf(target)}`));
    const cold: number[] = [];
    for (const target of targets) {
      progress?.(`first start: ${target.name}`);
      cold.push((await start(target)).ms);
    }
    const samples: Sample[][] = targets.map(() => []);
    const end = performance.now() + timeLimit;
    for (let round = 0; round < rounds && performance.now() < end; round++) {
      for (const [i, target] of targets.entries()) {
        progress?.(`round ${round + 1}/${rounds}: ${target.name}`);
        samples[i]!.push(await start(target));
      }
    }
    const base = samples[targets.findIndex(({ name }) => name === SERVER)]!;
    return targets.map((target, i) => row(target.name, samples[i]!, base, cold[i]!));
  } finally {
    upstream.close();
    upstream.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  }
}

function smallest(port: number): string {
  return `require('node:http').createServer((_, r) => r.end('hello')).listen(${port}, '127.0.0.1')`;
}

async function build(root: string): Promise<void> {
  const newest = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map(file => statSync(join(folder, file)).mtimeMs)
      .reduce((a, b) => Math.max(a, b), 0);
  const built = statSync(join(root, 'dist/main.js'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest(join(root, 'src'))) return;
  await promisify(execFile)('npm', ['run', 'build'], { cwd: root });
}

async function measure(target: Target, home: string): Promise<Sample> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const port = await freePort();
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HOME: home,
    XDG_CACHE_HOME: home,
    LOCALAPPDATA: home,
    NODE_COMPILE_CACHE: undefined,
  };
  const begin = performance.now();
  const child = spawn(process.execPath, target.args(port), { cwd: target.root, env, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), START_LIMIT);
  try {
    if (!target.serves) {
      await ended;
      return { ms: performance.now() - begin, cpuMs: 0, rss: 0, rssServed: 0, rssPeak: 0 };
    }
    while (!(await answers(port))) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${target.name}: it ended`);
      await wait(2);
    }
    const ms = performance.now() - begin;
    const then = { ms, cpuMs: cpuOf(child), rss: statusOf(child, 'VmRSS') };
    const agent = new Agent({ keepAlive: true });
    for (let i = 0; i < REQUESTS; i++) {
      if (!(await answers(port, agent))) throw new Error(`${target.name}: a request failed`);
    }
    agent.destroy();
    return { ...then, rssServed: statusOf(child, 'VmRSS'), rssPeak: statusOf(child, 'VmHWM') };
  } finally {
    // As a user would: what is kept for the next start may be written when this one ends.
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
  }
}

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** False: nobody listens there. @throws when another status than 200 comes back */
function answers(port: number, agent?: Agent): Promise<boolean> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, headers, ...(agent && { agent }) }, response => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve(true);
        else reject(new Error(`status ${response.statusCode}`));
      });
    });
    request.once('error', () => resolve(false));
  });
}

/** CPU ms of all its threads, by the scheduler's own count: that of `stat` has steps of 10 ms. */
function cpuOf({ pid }: ChildProcess): number {
  if (process.platform !== 'linux') return 0;
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]);
  }
  return sum / 1e6;
}

/** Bytes. */
function statusOf({ pid }: ChildProcess, key: 'VmRSS' | 'VmHWM'): number {
  if (process.platform !== 'linux') return 0;
  const match = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(match?.[1] ?? 0) * 1024;
}

function spread(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.round((sorted.length - 1) * part)] ?? 0;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

function row(name: string, samples: readonly Sample[], base: readonly Sample[], coldMs: number): StartRow {
  const median = (figure: (sample: Sample) => number) => spread(samples.map(figure)).median;
  return {
    name,
    listensMs: spread(samples.map(({ ms }) => ms)),
    ratio: spread(samples.map(({ ms }, i) => ms / (base[i]?.ms ?? ms))),
    cpuMs: median(({ cpuMs }) => cpuMs),
    rssBytes: median(({ rss }) => rss),
    rssServedBytes: median(({ rssServed }) => rssServed),
    rssPeakBytes: median(({ rssPeak }) => rssPeak),
    coldMs,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '15' },
      compare: { type: 'string' },
      workers: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const rows = await measureStart({
    rounds: Number(values.rounds),
    ...(values.compare !== undefined && { compare: values.compare }),
    ...(values.workers !== undefined && { workers: values.workers.split(',').map(Number) }),
    progress: text => process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : ''),
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  if (values.json) process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
  else {
    const mib = (bytes: number) => (bytes === 0 ? '' : (bytes / 1048576).toFixed(0));
    const whole = ({ median, low, high }: Spread) =>
      `${median.toFixed(0)} (${low.toFixed(0)}-${high.toFixed(0)})`;
    const table = rows.map(r => ({
      '': r.name,
      'answers after ms': whole(r.listensMs),
      'to smallest server': r.ratio.median.toFixed(1),
      'CPU ms': r.cpuMs === 0 ? '' : r.cpuMs.toFixed(0),
      'RSS MiB': mib(r.rssBytes),
      'after 100 requests': mib(r.rssServedBytes),
      peak: mib(r.rssPeakBytes),
      'first start ms': r.coldMs.toFixed(0),
    }));
    console.table(table);
  }
}
