/**
 * What Weir and its filters cost. Every target is a process of its own, the load comes from another one, the upstream
 * is a third; all cases of a scenario are measured in turn, round after round, so that what the machine does otherwise
 * hits all alike. CPU per request and ratios are what carries over; requests per second are this machine's.
 *
 *     npm run loadtest -- --help
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { measure } from '../src/bench/measure.ts';
import { checkPlaces, deliver, readReport, report } from '../src/bench/output.ts';
import { Progress } from '../src/bench/progress.ts';
import { ratiosOnly } from '../src/bench/report/ratios.ts';
import type { RunOptions, Scenario } from '../src/bench/scenario.ts';
import { WeirError } from '../src/errors.ts';
import { aimsOf, OTHER_AIMS } from './aims.ts';
import { bodies } from './scenarios/bodies.ts';
import { fixedRate, forwarders } from './scenarios/forwarders.ts';
import { components, kinds, modules } from './scenarios/headers.ts';
import { handler, isolation, localResponse, manyFilters, websocket } from './scenarios/others.ts';
import { calls, workers } from './scenarios/services.ts';
import { nginxMissing } from './targets/nginx.ts';

const FIXED_RATE = 2000;
// Temporary files are removed when the process exits, which a signal alone doesn't make it do.
for (const [signal, number] of [['SIGINT', 2] as const, ['SIGTERM', 15] as const])
  process.on(signal, () => process.exit(128 + number));

const BASELINE = new URL('./baseline.json', import.meta.url);

const missing = nginxMissing();
const scenarios: readonly (readonly [string, string, () => Scenario])[] = [
  ['forwarders', 'a small request through Weir and through others', () => forwarders(missing === '')],
  ['fixed-rate', `latencies at ${FIXED_RATE} requests per second`, () => fixedRate(FIXED_RATE)],
  ['kinds', 'the same filter as a module and as a component', kinds],
  ['modules', '1, 3, 10 Proxy-Wasm modules of each language', modules],
  ['components', '1, 3, 10 components of each language', components],
  ['bodies', 'bodies of 1 KiB to 64 MiB past a filter and through one', bodies],
  ['local-response', 'a filter that answers', localResponse],
  ['isolation', 'a VM per request', isolation],
  ['wasi-http', 'a wasi:http component', handler],
  ['websocket', 'WebSocket echo', websocket],
  ['many-filters', '1,000 filters, 32 of them kept', manyFilters],
  ['calls', 'an HTTP call, and shared data, in each request', calls],
  ['workers', 'one worker and two', workers],
];

const HELP = `npm run loadtest -- [options]

  --only a,b         these scenarios (default: all)
  --list             what there is
  --quick            3 rounds of 0.3 s: a look, no measurement
  --rounds N         rounds that count (default 8)
  --warm-up SECONDS  load of a case before that, at most (default 6)
  --slice SECONDS    load of a case in a round (default 1)
  --connections N    (default 32)
  --rate N           requests per second in all scenarios, instead of as many as go
  --json FILE        write the report as JSON
  --html FILE        write the report as a page with charts
  --compare FILE     compare with an older report, or with loadtest/baseline.json; exit code 1 when something is slower
  --threshold SHARE  slower by so much counts (default 10%)
  --baseline         write loadtest/baseline.json: the ratios of this run
`;

const fail = (message: string): never => {
  process.stderr.write(`error: ${message}\n(npm run loadtest -- --help shows what there is)\n`);
  process.exit(2);
};

function options() {
  try {
    const string = { type: 'string' } as const;
    const boolean = { type: 'boolean', default: false } as const;
    return parseArgs({
      options: {
        only: string,
        list: boolean,
        quick: boolean,
        rounds: string,
        slice: string,
        'warm-up': string,
        connections: { ...string, default: '32' },
        rate: { ...string, default: '0' },
        json: string,
        html: string,
        compare: string,
        threshold: { ...string, default: '10%' },
        baseline: boolean,
        help: boolean,
      },
    }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

const given = options();
if (given.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const others = Object.entries(OTHER_AIMS);
if (given.list) {
  const listed = [
    ...scenarios.map(([name, what]) => [name, what]),
    ...others.map(([name, { what }]) => [name, what]),
  ];
  for (const [name, what] of listed as [string, string][])
    process.stdout.write(`${name.padEnd(16)}${what}\n`);
  process.exit(0);
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  return Number.isFinite(value) && value >= least
    ? value
    : fail(`--${name} ${text}: a number from ${least} on`);
}

const names = given.only?.split(',');
for (const name of names ?? []) {
  if (!scenarios.some(([known]) => known === name) && !Object.hasOwn(OTHER_AIMS, name))
    fail(`--only ${name}: no such scenario (--list shows them)`);
}
const chosen = scenarios.filter(([name]) => names?.includes(name) ?? true);
const chosenOthers = others.filter(([name]) => names?.includes(name) ?? !given.quick);
const progress = new Progress();
const run: RunOptions = {
  rounds: Math.round(number('rounds', given.rounds ?? (given.quick ? '3' : '8'), 1)),
  warmUp: number('warm-up', given['warm-up'] ?? (given.quick ? '1' : '6'), 0.1),
  slice: number('slice', given.slice ?? (given.quick ? '0.3' : '1'), 0.05),
  connections: Math.round(number('connections', given.connections, 1)),
  rate: Math.round(number('rate', given.rate, 0)),
  responseBody: 512,
  progress: (text, done) => progress.show(text, done),
};
const threshold =
  number('threshold', given.threshold.replace(/%$/, ''), 0) / (given.threshold.endsWith('%') ? 100 : 1);
if (given.baseline && names !== undefined) fail('--baseline holds all scenarios: leave --only out');

try {
  // Before minutes are spent.
  const old = given.compare === undefined ? undefined : await readReport(given.compare);
  await checkPlaces(given.json, given.html);
  if (missing !== '') process.stderr.write(`nginx is left out: ${missing}\n`);
  const groups = await measure(
    chosen.map(([, , make]) => make()),
    run,
  );
  const aims = given.quick ? [] : aimsOf(groups);
  for (const [name, { what, measure }] of chosenOthers) {
    progress.show(`${name}: ${what}`, 1);
    aims.push(...(await measure()));
  }
  progress.end();
  const command = `npm run loadtest -- ${process.argv.slice(2).join(' ')}`.trim();
  const result = report('Weir: what it costs', command, run, groups, aims);
  const { json, html } = given;
  const well = await deliver(result, {
    ...(json !== undefined && { json }),
    ...(html !== undefined && { html }),
    ...(old !== undefined && { compare: old }),
    threshold,
  });
  if (given.baseline) await writeFile(BASELINE, `${JSON.stringify(ratiosOnly(result), null, 2)}\n`);
  process.exitCode = well ? 0 : 1;
} catch (error) {
  progress.end();
  if (!(error instanceof WeirError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
}
