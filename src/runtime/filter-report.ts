import type { FilterConfig } from '../config/types.ts';
import { readModule } from '../engine/cache.ts';
import type { CodeSize } from '../engine/sections.ts';
import type { Log } from '../log.ts';
import { codeOfFiles, rounded } from '../plugin/inspect-code.ts';
import type { RegisteredPlugin } from '../plugin/registry.ts';
import type { Phases } from '../plugin/types.ts';
import { type DryRun, dryRun } from './dry-run.ts';
import type { FilterSource } from './filter-source.ts';

/** What a filter that was started costs. */
export interface FilterReport {
  readonly name: string;
  /** `handler`: a component of wasi:http. */
  readonly kind: 'module' | 'component' | 'handler';
  /** As it came, plugs included. */
  readonly code: CodeSize;
  /** Bytes of one VM; `now`: after the dry run if there was one. */
  readonly memory: { readonly started: number; readonly now: number; readonly limit: number };
  /** Where it is called for a request; null for a handler, whose messages are its own. */
  readonly phases: Phases | null;
  /** It is called for TCP streams. */
  readonly tcp: boolean;
  /** Bytes of a body that it may hold. */
  readonly bufferedBody: number;
  readonly isolation: FilterConfig['isolation'];
  /** Read, rewritten or transpiled (or taken from the disk), compiled. */
  readonly loadMillis: number;
  readonly startMillis: number;
  /** Null: there was none. */
  readonly dryRun: DryRun | null;
  /** It may write into directories or connect to others: a dry run would, too. */
  readonly reachesOut: boolean;
}

const REQUESTS = 1000;
/** Milliseconds: of one filter, and of all together. */
const TIME = 200;
const TIME_OF_ALL = 10_000;

/** Looks at filters that were started, and sends each some requests. `dry: false`: none. @throws ModuleError */
export async function filterReports(
  sources: readonly FilterSource[],
  log: Log,
  dry: boolean,
): Promise<FilterReport[]> {
  const time = Math.min(TIME, TIME_OF_ALL / Math.max(sources.length, 1));
  const reports: FilterReport[] = [];
  for (const source of sources) {
    // A small cache may have evicted it.
    if (source.plugin === undefined) await source.load();
    const { plugin } = source;
    if (plugin === undefined) continue;
    reports.push(await reportOf(source, plugin, dry ? { log, requests: REQUESTS, time } : undefined));
  }
  return reports;
}

async function reportOf(
  { config, times }: FilterSource,
  plugin: RegisteredPlugin,
  options: { log: Log; requests: number; time: number } | undefined,
): Promise<FilterReport> {
  const { name, limits, isolation, capabilities } = config;
  const reachesOut =
    capabilities.tcp.length > 0 ||
    capabilities.upstreams.length > 0 ||
    capabilities.directories.some(({ access }) => access === 'write');
  const handles = plugin.takeOver !== undefined;
  const code = await codeOfFiles(await filesOf(config));
  const started = memoryOf(plugin);
  const dry =
    options === undefined || handles || reachesOut
      ? null
      : await dryRun(plugin, { ...options, isolated: isolation === 'request' });
  return {
    name,
    kind: handles ? 'handler' : 'host' in plugin.compiled ? 'component' : 'module',
    code,
    memory: { started, now: memoryOf(plugin) || started, limit: limits.memory },
    phases: handles ? null : plugin.phases,
    tcp: Object.values(plugin.tcp ?? {}).some(Boolean),
    bufferedBody: limits.bufferedBody,
    isolation,
    loadMillis: rounded(times.load),
    startMillis: rounded(times.start),
    dryRun: dry,
    reachesOut,
  };
}

/** Of its largest VM; 0 while there is none. */
function memoryOf(plugin: RegisteredPlugin): number {
  return Math.max(0, ...plugin.vms().map(vm => vm.memorySize));
}

function filesOf({ module, plugs, limits }: FilterConfig): Promise<Buffer[]> {
  return Promise.all([module, ...plugs.map(plug => plug.module)].map(f => readModule(f, limits.moduleSize)));
}
