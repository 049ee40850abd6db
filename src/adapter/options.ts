import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Located } from '../config/document.ts';
import { checkSchema } from '../config/explain.ts';
import { resolveConfig } from '../config/resolve.ts';
import type {
  FailurePolicy,
  FilterConfig,
  FilterLimits,
  ModulesConfig,
  Place,
  RestartConfig,
  SharedDataConfig,
} from '../config/types.ts';
import { ConfigError, type ConfigIssue } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ForeignFunction } from '../runtime/shared-state.ts';

/** What a chain is made of. Whatever is left out has the default of the configuration file. */
export interface FilterChainOptions {
  /** The filters, in request order. */
  readonly filters: readonly FilterOptions[];
  readonly modules?: {
    /** Compiled modules kept. Defaults: 64 modules, 256 MiB. */
    readonly cache?: {
      readonly maxModules?: number;
      readonly maxBytes?: number | string;
      /** Where prepared modules are kept on disk, relative to the working directory. Default: nowhere. */
      readonly directory?: string;
    };
  };
  /** What filters may call beside the functions that are built in (proxy_call_foreign_function), by name. */
  readonly foreignFunctions?: Readonly<Record<string, ForeignFunction>>;
  /** Where Weir and the filters log; a pino logger is one. Default: warnings and errors to stderr, as JSON. */
  readonly log?: Log;
}

/** What a filter may reach: nothing of it that isn't named. A chain of one's own has no upstreams. */
export interface CapabilityOptions {
  /** Shared data and queues, among the filters of this chain. */
  readonly sharedData?: boolean;
  /** Names of hostcalls that are denied. */
  readonly hostcalls?: { readonly deny?: readonly string[] };
  /** Names of callbacks that are not called. */
  readonly callbacks?: { readonly deny?: readonly string[] };
  /** Variables of the process's own environment that are passed on. */
  readonly env?: readonly string[];
  /** `host` is relative to the working directory; `access` is `read` when left out. */
  readonly directories?: readonly {
    readonly host: string;
    readonly guest: string;
    readonly access?: 'read' | 'write';
  }[];
  /** `host:port` each. */
  readonly tcp?: readonly string[];
  readonly clocks?: readonly ('monotonic' | 'wall')[];
  readonly random?: boolean;
}

/** One filter: a module or component, and how it is started. */
export interface FilterOptions {
  /** A path (relative to the working directory), a file: URL, or the module's bytes. */
  readonly module: string | URL | Uint8Array;
  /** Its name in logs and errors. Default: the file's name without `.wasm`. */
  readonly name?: string;
  /** Plugin configuration: a string goes as it is (UTF-8), an object as JSON. Default: empty. */
  readonly config?: string | object;
  /** VM configuration, likewise. */
  readonly vmConfig?: string | object;
  /** Filters with the same vmId, module and vmConfig share one VM. */
  readonly vmId?: string;
  readonly rootId?: string;
  /** The module's environment; nothing of the process's own is passed on but what `capabilities.env` names. */
  readonly env?: Readonly<Record<string, string>>;
  readonly capabilities?: CapabilityOptions;
  /** Components whose exports are handed to this one's imports: paths, as for `module`. */
  readonly plugs?: readonly (string | URL)[];
  /** True: StopIteration from a header callback stops headers only, not the body. Default: false, as in Envoy. */
  readonly allowOnHeadersStopIteration?: boolean;
  /** Times: milliseconds, or for example `10s`; sizes: bytes, or for example `64KiB`; counts: numbers. */
  readonly limits?: { readonly [K in keyof FilterLimits]?: number | string };
  /** When its VM dies: `closed`, `open` or `reload` (default). */
  readonly onFailure?: FailurePolicy;
  readonly restart?: { readonly [K in keyof RestartConfig]?: number | string };
  /** `request`: each request gets a VM of its own. Default: `shared`. */
  readonly isolation?: 'shared' | 'request';
  /** VMs kept ready with `isolation: 'request'`. Default: 8. */
  readonly pool?: number;
  /** SHA-256 of the module in hex: other bytes are refused. */
  readonly sha256?: string;
}

/** Filters as they are loaded, in request order. */
export interface ResolvedChain {
  readonly filters: readonly FilterConfig[];
  /** Modules given as bytes, by filter name. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  readonly modules: ModulesConfig;
  readonly sharedData: SharedDataConfig;
}

/** Stands where messages name the configuration file. */
const SOURCE = 'createFilterChain';
const PLACE: Place = { file: SOURCE, line: 0, column: 0 };

/**
 * Checks options by the schema of the configuration file, which also has the defaults.
 * @throws ConfigError with every fault
 */
export function resolveOptions(options: FilterChainOptions): ResolvedChain {
  const issues: ConfigIssue[] = [];
  const inputs = new Map<string, Record<string, unknown>>();
  const bytes = new Map<string, Uint8Array>();
  for (const filter of options.filters) {
    const name = filter.name ?? freeName(defaultName(filter.module), inputs);
    if (inputs.has(name)) {
      const remedy = 'give each filter a name of its own';
      issues.push({ ...PLACE, path: `filters.${name}`, message: 'two filters have this name', remedy });
      continue;
    }
    inputs.set(name, filterInput(filter));
    if (filter.module instanceof Uint8Array) bytes.set(name, filter.module);
  }
  const cache = options.modules?.cache;
  const input = {
    // What the file needs beside filters: nothing is listened on or connected to.
    listeners: [{ address: '127.0.0.1:0', routes: [{ upstream: SOURCE }] }],
    upstreams: { [SOURCE]: { endpoints: ['builtin:echo'] } },
    filters: Object.fromEntries(inputs),
    modules: { cache: plain({ directory: false, ...cache, maxBytes: withUnit(cache?.maxBytes, 'B') }) },
  };
  const checked = checkSchema(locate(input));
  if (checked.output === undefined) issues.push(...checked.issues);
  if (checked.output === undefined || issues.length > 0) throw new ConfigError(issues);
  const config = resolveConfig(checked.output, join(process.cwd(), SOURCE), () => PLACE);
  return {
    filters: [...inputs.keys()].map(name => config.filters.get(name)!),
    bytes,
    sharedData: config.sharedData,
    // All filters of a chain are always in use: none is evicted.
    modules: {
      ...config.modules,
      cache: {
        ...config.modules.cache,
        maxModules: Math.max(config.modules.cache.maxModules, inputs.size),
        maxVms: inputs.size || 1,
      },
    },
  };
}

function defaultName(module: FilterOptions['module']): string {
  if (module instanceof Uint8Array) return 'filter';
  const path = module instanceof URL ? module.pathname : module;
  return basename(path).replace(/\.wasm$/, '') || 'filter';
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  let free = name;
  for (let i = 2; taken.has(free); i++) free = `${name}-${i}`;
  return free;
}

/** A filter as the configuration file has it. */
function filterInput(filter: FilterOptions): Record<string, unknown> {
  const { name: _, module, config, vmConfig, plugs, limits, restart, ...rest } = filter;
  return plain({
    ...rest,
    module: moduleText(module),
    config: payload(config),
    vmConfig: payload(vmConfig),
    plugs: plugs?.map(moduleText),
    limits: limits && withUnits(limits),
    restart: restart && withUnits(restart),
  });
}

function moduleText(module: FilterOptions['module']): string {
  if (module instanceof Uint8Array) return 'bytes';
  if (!(module instanceof URL)) return module;
  return module.protocol === 'file:' ? fileURLToPath(module) : module.href;
}

/** As the file's rule has it: strings as they are, all else as JSON. */
function payload(value: unknown): unknown {
  return value === undefined || value === null || typeof value === 'string' ? value : JSON.stringify(value);
}

/** What stands for a unit in the file: counts have none. */
const UNITS: Readonly<Record<string, string>> = {
  moduleSize: 'B',
  memory: 'B',
  functionSize: 'B',
  callTime: 'ms',
  startTime: 'ms',
  bufferedBody: 'B',
  pauseTime: 'ms',
  headerBytes: 'B',
  localResponseBody: 'B',
  propertyBytes: 'B',
  sharedDataBytes: 'B',
  queueBytes: 'B',
  callBytes: 'B',
  tickPeriod: 'ms',
  firstDelay: 'ms',
  maxDelay: 'ms',
};

function withUnits(values: Readonly<Record<string, number | string | undefined>>): Record<string, unknown> {
  const entries = Object.entries(values).map(([key, value]) => [key, withUnit(value, UNITS[key] ?? '')]);
  return plain(Object.fromEntries(entries));
}

function withUnit(value: number | string | undefined, unit: string): unknown {
  return typeof value === 'number' && unit !== '' ? `${value}${unit}` : value;
}

/** Without keys whose value is undefined: they count as left out. */
function plain(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

/** Values with the one place that they all have. */
function locate(value: unknown): Located {
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(typeof value === 'object' && value !== null ? value : {});
  const children = new Map(entries.map(([key, child]) => [key, locate(child)]));
  return { value, place: PLACE, keyPlace: PLACE, children };
}
