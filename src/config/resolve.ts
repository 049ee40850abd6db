import { dirname, resolve as resolvePath } from 'node:path';
import type { ConfigOutput } from './schema.ts';
import type {
  Capabilities,
  EndpointConfig,
  FilterConfig,
  FilterLimits,
  ListenerConfig,
  PathMatch,
  Place,
  RouteConfig,
  RouteMatch,
  UpstreamConfig,
  WeirConfig,
} from './types.ts';
import {
  builtinEndpoints,
  parseAddress,
  parseDuration,
  parseEndpoint,
  parseSize,
  parseTcp,
} from './units.ts';

type Listener = ConfigOutput['listeners'][number];
type Route = NonNullable<Listener['routes']>[number];
type Upstream = ConfigOutput['upstreams'][string];
type Filter = ConfigOutput['filters'][string];

/** Turns checked input into the resolved, frozen form. `placeOf` says where a filter's key stands. */
export function resolveConfig(
  input: ConfigOutput,
  file: string,
  placeOf: (filter: string) => Place,
): WeirConfig {
  const { modules, server, log, shutdown, sharedData } = input;
  return deepFreeze({
    file,
    listeners: input.listeners.map(resolveListener),
    upstreams: frozenMap(input.upstreams, resolveUpstream),
    filters: frozenMap(input.filters, (name, filter) =>
      resolveFilter(name, filter, file, placeOf(name), modules.preload),
    ),
    services: input.services.map(({ filter, singleton }) => ({ filter, singleton })),
    sharedData: {
      maxBytes: bytes(sharedData.maxBytes),
      redis: sharedData.redis && {
        url: sharedData.redis.url,
        passwordEnv: sharedData.redis.passwordEnv ?? '',
        prefix: sharedData.redis.prefix,
        timeout: ms(sharedData.redis.timeout),
      },
    },
    workers: input.workers,
    foreignFunctions:
      input.foreignFunctions === undefined ? '' : resolvePath(dirname(file), input.foreignFunctions),
    modules: {
      cache: {
        maxModules: modules.cache.maxModules,
        maxBytes: bytes(modules.cache.maxBytes),
        maxVms: modules.cache.maxVms,
      },
      directory: cacheDirectory(modules.cache.directory, file),
    },
    admin: input.admin === undefined ? undefined : checked(parseAddress(input.admin.address)),
    server: {
      headersTimeout: ms(server.headersTimeout),
      requestTimeout: ms(server.requestTimeout),
      keepAliveTimeout: ms(server.keepAliveTimeout),
      maxHeaderSize: bytes(server.maxHeaderSize),
    },
    log: { level: log.level, format: log.format },
    shutdown: { drain: ms(shutdown.drain) },
  });
}

function resolveListener(listener: Listener, index: number): ListenerConfig {
  const name = listener.name ?? `listener-${index + 1}`;
  const { host, port } = checked(parseAddress(listener.address));
  const { protocol, upstream, filters = [] } = listener;
  if (protocol === 'tcp') return { name, host, port, protocol, upstream: checked(upstream), filters };
  const routes = checked(listener.routes).map((route, at) => resolveRoute(route, name, at));
  return { name, host, port, protocol, routes };
}

function resolveRoute(route: Route, listener: string, index: number): RouteConfig {
  return {
    name: route.name ?? `${listener}/route-${index + 1}`,
    match: resolveMatch(route.match ?? {}),
    upstream: route.upstream,
    filters: route.filters,
    ...(route.metadata !== undefined && { metadata: route.metadata }),
  };
}

function resolveMatch(match: NonNullable<Route['match']>): RouteMatch {
  const { host, path, methods, headers } = match;
  return {
    ...(host !== undefined && { host: host.toLowerCase().replace(/\.$/, '') }),
    ...(path !== undefined && { path: resolvePathMatch(path) }),
    ...(methods !== undefined && { methods: [...new Set(methods.map(method => method.toUpperCase()))] }),
    ...(headers !== undefined && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
      ),
    }),
  };
}

function resolvePathMatch(path: NonNullable<NonNullable<Route['match']>['path']>): PathMatch {
  if (typeof path === 'string') return { kind: 'prefix', value: path };
  if (path.exact !== undefined) return { kind: 'exact', value: path.exact };
  if (path.regex !== undefined) return { kind: 'regex', value: path.regex };
  return { kind: 'prefix', value: checked(path.prefix) };
}

function resolveUpstream(name: string, upstream: Upstream): UpstreamConfig {
  const { connect, response, idle } = upstream.timeouts;
  return {
    name,
    endpoints: upstream.endpoints.map(resolveEndpoint),
    transport: upstream.transport,
    timeouts: { connect: ms(connect), response: ms(response), idle: ms(idle) },
    connections: upstream.connections,
    ...(upstream.metadata !== undefined && { metadata: upstream.metadata }),
  };
}

function resolveEndpoint(url: string): EndpointConfig {
  if (builtinEndpoints.includes(url)) {
    return { url, kind: 'builtin', host: url.slice('builtin:'.length), port: 0 };
  }
  const { host, port, kind } = checked(parseEndpoint(url));
  return { url: `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`, kind, host, port };
}

/** `file` is what the module's path is relative to. */
function resolveFilter(
  name: string,
  filter: Filter,
  file: string,
  place: Place,
  preload: boolean,
): FilterConfig {
  return {
    name,
    module: resolvePath(dirname(file), filter.module),
    moduleText: filter.module,
    sha256: (filter.sha256 ?? '').toLowerCase(),
    config: payload(filter.config),
    vmConfig: payload(filter.vmConfig),
    vmId: filter.vmId,
    rootId: filter.rootId,
    env: filter.env,
    allowOnHeadersStopIteration: filter.allowOnHeadersStopIteration,
    limits: resolveLimits(filter.limits),
    onFailure: filter.onFailure,
    restart: {
      firstDelay: ms(filter.restart.firstDelay),
      maxDelay: ms(filter.restart.maxDelay),
      crashesPerMinute: filter.restart.crashesPerMinute,
    },
    isolation: filter.isolation,
    pool: filter.pool,
    preload: filter.preload ?? preload,
    capabilities: resolveCapabilities(filter.capabilities, file),
    plugs: filter.plugs.map(plug => ({ module: resolvePath(dirname(file), plug), moduleText: plug })),
    place,
  };
}

function resolveCapabilities(granted: Filter['capabilities'], file: string): Capabilities {
  const { upstreams, sharedData, hostcalls, callbacks, env, clocks, random } = granted;
  const directories = granted.directories.map(({ host, guest, access }) => ({
    host: resolvePath(dirname(file), host),
    guest,
    access,
  }));
  const tcp = granted.tcp.map(place => checked(parseTcp(place)));
  return { upstreams, sharedData, hostcalls, callbacks, env, directories, tcp, clocks, random };
}

function resolveLimits(limits: Filter['limits']): FilterLimits {
  const { tableElements, headerCount, logLines, contexts, calls, queueLength, metrics } = limits;
  return {
    moduleSize: bytes(limits.moduleSize),
    memory: bytes(limits.memory),
    tableElements,
    functionSize: bytes(limits.functionSize),
    callTime: ms(limits.callTime),
    startTime: ms(limits.startTime),
    bufferedBody: bytes(limits.bufferedBody),
    pauseTime: ms(limits.pauseTime),
    headerCount,
    headerBytes: bytes(limits.headerBytes),
    localResponseBody: bytes(limits.localResponseBody),
    propertyBytes: bytes(limits.propertyBytes),
    logLines,
    contexts,
    calls,
    sharedDataBytes: bytes(limits.sharedDataBytes),
    queueLength,
    queueBytes: bytes(limits.queueBytes),
    callBytes: bytes(limits.callBytes),
    metrics,
    tickPeriod: ms(limits.tickPeriod),
  };
}

function cacheDirectory(directory: string | false | undefined, file: string): string | undefined {
  if (directory === false) return '';
  return directory === undefined ? undefined : resolvePath(dirname(file), directory);
}

/** A string as it is, anything else as JSON; `config:` with nothing after it counts as absent. */
function payload(value: unknown): Buffer {
  if (value === undefined || value === null) return Buffer.alloc(0);
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value), 'utf8');
}

const ms = (text: string): number => checked(parseDuration(text));
const bytes = (text: string): number => checked(parseSize(text));

/** The schema has accepted the text with the same parser: a miss is a fault of ours. */
function checked<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError('the schema let through what it should have refused');
  return value;
}

function frozenMap<In, Out>(
  record: Readonly<Record<string, In>>,
  resolve: (name: string, value: In) => Out,
): ReadonlyMap<string, Out> {
  return new FrozenMap(
    Object.entries(record).map(([name, value]) => [name, deepFreeze(resolve(name, value))]),
  );
}

/** A map that refuses changes at run time too: Object.freeze doesn't reach a Map's entries. */
class FrozenMap<Value> extends Map<string, Value> {
  constructor(entries: readonly [string, Value][]) {
    super();
    for (const [key, value] of entries) super.set(key, value);
    Object.freeze(this);
  }

  override set(): never {
    throw new TypeError('the configuration is frozen');
  }

  override delete(): never {
    throw new TypeError('the configuration is frozen');
  }

  override clear(): never {
    throw new TypeError('the configuration is frozen');
  }
}

function deepFreeze<T>(value: T): T {
  // Buffers can't be frozen: they are left as they are, and nobody writes to them.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) {
    return value;
  }
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
