import type { Load } from '../bench/messages.ts';
import { type FoundRoute, routeOf } from '../bench/route.ts';
import type { Case, RunOptions, Scenario, Target } from '../bench/scenario.ts';
import type { WeirTarget } from '../bench/weir-target.ts';
import { loadConfig } from '../config/load.ts';
import type { WeirConfig } from '../config/types.ts';
import { WeirError } from '../errors.ts';
import { exitCodes } from './exit.ts';

export interface BenchOptions {
  /** A path: requests go there, and the chain of the route that takes it is measured. */
  readonly route: string;
  readonly method: string;
  /** `name: value`, each. */
  readonly header: readonly string[];
  /** Bytes. */
  readonly body: number;
  readonly responseBody: number;
  readonly expect?: number;
  readonly realUpstreams?: true;
  readonly connections: number;
  readonly rounds: number;
  readonly slice: number;
  readonly warmUp: number;
  readonly rate: number;
  readonly json?: string;
  readonly html?: string;
  readonly compare?: string;
  readonly threshold: number;
}

/**
 * `weir bench`: what each filter of a route costs, and its whole chain, against the same route without filters. 0, or 1
 * when requests failed or something got slower.
 * @throws WeirError when the configuration is wrong, no route takes the path, or a target can't be started
 */
export async function bench(file: string, options: BenchOptions): Promise<number> {
  const config = loadConfig(file);
  const load = loadOf(options);
  const found = routeOf(config, load);
  const { route } = found;
  if (route.filters.length === 0) {
    throw new WeirError(
      'BENCH_FAILED',
      `${file}: route ${route.name} takes ${options.method} ${options.route} and has no filters: there is nothing to compare`,
    );
  }
  // Only now: nobody else needs autocannon.
  const [{ measure }, { checkPlaces, deliver, readReport, report }, { Progress }] = await Promise.all([
    import('../bench/measure.ts'),
    import('../bench/output.ts'),
    import('../bench/progress.ts'),
  ]);
  // Before minutes are spent.
  const old = options.compare === undefined ? undefined : await readReport(options.compare);
  await checkPlaces(options.json, options.html);
  const progress = new Progress();
  const { rounds, slice, warmUp, connections, rate, responseBody } = options;
  const run: RunOptions = {
    rounds,
    slice,
    warmUp,
    connections,
    rate,
    responseBody,
    progress: (text, done) => progress.show(text, done),
  };
  try {
    const groups = await measure([scenario(config, found, load, options)], run);
    progress.end();
    const title = `${file}: route ${route.name}`;
    const { json, html, threshold } = options;
    const well = await deliver(report(title, commandOf(process.argv.slice(3), options), run, groups), {
      ...(json !== undefined && { json }),
      ...(html !== undefined && { html }),
      ...(old !== undefined && { compare: old }),
      threshold,
    });
    return well ? exitCodes.fine : exitCodes.wrong;
  } finally {
    progress.end();
  }
}

const SCRIPT = new URL(
  `../bench/weir-target${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`,
  import.meta.url,
);
const NONE = 'no filters';

/** The command for the report; values of headers may be secret. */
function commandOf(args: readonly string[], { header }: BenchOptions): string {
  const shown = args.map(arg => {
    const line = header.find(line => arg.endsWith(line));
    if (line === undefined) return /\s/.test(arg) ? `'${arg}'` : arg;
    return `'${arg.slice(0, arg.length - line.length)}${line.slice(0, line.indexOf(':') + 1)} ...'`;
  });
  return ['weir bench', ...shown].join(' ');
}

/** Without filters, with each one alone, and with all of them. */
function scenario(
  { file }: WeirConfig,
  { listener, route }: FoundRoute,
  load: Load,
  options: BenchOptions,
): Scenario {
  const { realUpstreams = false } = options;
  const target = (name: string, part: Partial<WeirTarget>): Target => ({
    name,
    script: SCRIPT,
    input: { file, listener: listener.name, route: route.name, realUpstreams, ...part } satisfies WeirTarget,
  });
  const expected = options.expect === undefined ? {} : { expect: [options.expect] };
  // The upstream may answer what the whole chain does, and one filter alone let it pass.
  const either = options.expect === undefined ? {} : { expect: [2, options.expect] };
  const targets: Target[] = [target(NONE, { filters: 0 })];
  const cases: Case[] = [{ name: NONE, target: NONE, load: { ...load, ...either } }];
  const { filters } = route;
  const taken = new Set([NONE]);
  // A filter may be called anything.
  const unique = (name: string): string => {
    if (taken.has(name)) return unique(`${name} (filter)`);
    taken.add(name);
    return name;
  };
  if (filters.length > 1) {
    for (const [only, filter] of filters.entries()) {
      const name = unique(filters.indexOf(filter) === only ? filter : `${filter} (at place ${only + 1})`);
      targets.push(target(name, { only }));
      cases.push({ name, target: name, load: { ...load, ...either }, filters: 1 });
    }
  }
  const whole = unique(filters.length === 1 ? filters[0]! : `the chain of ${filters.length}`);
  targets.push(target(whole, { filters: filters.length }));
  cases.push({ name: whole, target: whole, load: { ...load, ...expected }, filters: filters.length });
  const { method, route: path } = options;
  return {
    name: 'chain',
    title: `${method} ${path} through route ${route.name} of ${file}${sizes(options)}`,
    targets,
    cases,
  };
}

const sizes = ({ body, responseBody }: BenchOptions) =>
  `${body > 0 ? `, bodies of ${body} bytes` : ''}, answers of ${responseBody} bytes`;

function loadOf({ route, method, header, body }: BenchOptions): Load {
  const headers: Record<string, string> = {};
  for (const line of header) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    const value = line.slice(line.indexOf(':') + 1).trim();
    // RFC 9110 section 5.3, and RFC 6265 section 5.4.
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return { path: route, method, headers, bodySize: body };
}
