import type { LogLevel } from '../log.ts';

/**
 * The configuration after reading, checking and resolving: deeply frozen, every default filled in, durations
 * in milliseconds, sizes in bytes, files absolute. Everything below `config/` programs against these types;
 * the form a person writes is `ConfigInput` in schema.ts.
 */
export interface WeirConfig {
  /** The file this came from, as the user named it. */
  readonly file: string;
  readonly listeners: readonly ListenerConfig[];
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  readonly filters: ReadonlyMap<string, FilterConfig>;
  /** Filters that work without requests. */
  readonly services: readonly ServiceConfig[];
  readonly sharedData: SharedDataConfig;
  /** Threads that serve; auto: one per core, where they can share a port. */
  readonly workers: number | 'auto';
  /** Absolute path of a JavaScript module whose exported functions filters may call; empty: none. */
  readonly foreignFunctions: string;
  readonly modules: ModulesConfig;
  /** Undefined: no admin listener. */
  readonly admin: AdminConfig | undefined;
  readonly server: ServerLimits;
  readonly log: LogConfig;
  readonly shutdown: ShutdownConfig;
}

/** A filter whose root context works without requests. */
export interface ServiceConfig {
  /** Key of `WeirConfig.filters`; checked. */
  readonly filter: string;
  /** On one worker only. */
  readonly singleton: boolean;
}

/** Where shared data and shared queues are. */
export interface SharedDataConfig {
  /** Of all of it, in memory. */
  readonly maxBytes: number;
  /** Undefined: in memory. */
  readonly redis: RedisConfig | undefined;
}

export interface RedisConfig {
  /** `redis://` or `rediss://`. */
  readonly url: string;
  /** Variable of Weir's environment with the password; empty: none. */
  readonly passwordEnv: string;
  /** What all keys begin with. */
  readonly prefix: string;
  /** Longest a hostcall waits, in ms. */
  readonly timeout: number;
}

/** Where operators ask for metrics. */
export interface AdminConfig {
  /** Without brackets. */
  readonly host: string;
  /** 0: the system picks one. */
  readonly port: number;
}

/** One address that is listened on. */
export type ListenerConfig = HttpListenerConfig | TcpListenerConfig;

interface ListenerAddress {
  /** As configured, or `listener-N` (1-based). */
  readonly name: string;
  /** An IP address or host name without brackets; `::` stands for every address. */
  readonly host: string;
  /** 0: the system picks one. */
  readonly port: number;
}

/** A listener for requests, and its routes in the order they are tried. */
export interface HttpListenerConfig extends ListenerAddress {
  readonly protocol: 'http';
  readonly routes: readonly RouteConfig[];
}

/** A listener for connections, all of which go the same way. */
export interface TcpListenerConfig extends ListenerAddress {
  readonly protocol: 'tcp';
  /** Key of `WeirConfig.upstreams`; checked. */
  readonly upstream: string;
  /** Keys of `WeirConfig.filters`, in the order of what comes from the client; checked. */
  readonly filters: readonly string[];
}

/** One route: what it matches, the filters the request runs through, and where it goes. */
export interface RouteConfig {
  /** As configured, or `<listener>/route-N` (1-based). */
  readonly name: string;
  readonly match: RouteMatch;
  /** Key of `WeirConfig.upstreams`; checked. */
  readonly upstream: string;
  /** Keys of `WeirConfig.filters`, in request order; checked. */
  readonly filters: readonly string[];
  readonly metadata?: MetadataConfig;
}

/** Values for filters to read, by namespace and key. */
export type MetadataConfig = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

/** Every condition that is present has to hold; none present: every request. */
export interface RouteMatch {
  /** Lower case, without port; `*.example.com` matches every name below example.com, not itself. */
  readonly host?: string;
  readonly path?: PathMatch;
  /** Upper-case method names. */
  readonly methods?: readonly string[];
  /** Lower-case field name to the exact value, or `true`: present with any value. */
  readonly headers?: Readonly<Record<string, string | true>>;
}

/**
 * Matched against the path without query, in its normal form: dot segments and double slashes resolved, escapes of
 * unreserved characters decoded. A `regex` is JavaScript's (flag u), unanchored, and compiles.
 */
export interface PathMatch {
  readonly kind: 'prefix' | 'exact' | 'regex';
  readonly value: string;
}

/** A group of interchangeable endpoints and how they are reached. */
export interface UpstreamConfig {
  readonly name: string;
  /** At least one. */
  readonly endpoints: readonly EndpointConfig[];
  readonly transport: 'undici' | 'http-proxy';
  readonly timeouts: UpstreamTimeouts;
  /** Most connections open at once to one endpoint, for requests. */
  readonly connections: number;
  readonly metadata?: MetadataConfig;
}

/** All in milliseconds. */
export interface UpstreamTimeouts {
  /** Until the connection stands. */
  readonly connect: number;
  /** From the end of the request until the response headers. */
  readonly response: number;
  /** Longest silence within a response body; longest time a TCP connection may carry nothing either way. */
  readonly idle: number;
}

/** One address that requests or connections can be sent to. */
export interface EndpointConfig {
  /** Without a trailing slash: `http://host:port` (port always written), `tcp://host:port`, or `builtin:NAME`. */
  readonly url: string;
  /** tcp: for TCP listeners only. */
  readonly kind: 'http' | 'tcp' | 'builtin';
  /** Without brackets; for a builtin its name (`echo`, `tcp-echo`). */
  readonly host: string;
  /** 0 for a builtin. */
  readonly port: number;
}

/** One plugin: a module and how it is started. */
export interface FilterConfig {
  readonly name: string;
  /** Absolute path; was a readable file when the configuration was loaded. */
  readonly module: string;
  /** The path as written in the file. */
  readonly moduleText: string;
  /** Lower-case hex the bytes must have; empty: any. */
  readonly sha256: string;
  /** Plugin configuration: a YAML string as it is in UTF-8, anything else as JSON; empty when absent. */
  readonly config: Buffer;
  /** VM configuration, same rule. */
  readonly vmConfig: Buffer;
  readonly vmId: string;
  readonly rootId: string;
  /** The environment the module sees; nothing of the process's own leaks in. */
  readonly env: Readonly<Record<string, string>>;
  /** Keep StopIteration from a header callback as it is, instead of also stopping the body (Envoy's option). */
  readonly allowOnHeadersStopIteration: boolean;
  readonly limits: FilterLimits;
  /** What becomes of requests when its VM dies. */
  readonly onFailure: FailurePolicy;
  readonly restart: RestartConfig;
  /** shared: one VM for all requests. request: a VM of its own for each. */
  readonly isolation: 'shared' | 'request';
  /** VMs kept ready with `isolation: request`. */
  readonly pool: number;
  /** Started with the process; false: by the first request that needs it. */
  readonly preload: boolean;
  /** What it may reach outside of its streams: nothing else. */
  readonly capabilities: Capabilities;
  /** Components whose exports are handed to this one's imports, in order. */
  readonly plugs: readonly PlugConfig[];
  /** Where the filter's key stands, for messages about it after loading. */
  readonly place: Place;
}

/** What a filter was granted: what reaches outside of its streams is denied otherwise. */
export interface Capabilities {
  /** Keys of `WeirConfig.upstreams` that it may call, by HTTP or gRPC; checked. */
  readonly upstreams: readonly string[];
  /** Shared data and queues. */
  readonly sharedData: boolean;
  /** Names of hostcalls that are denied; they answer INTERNAL_FAILURE. */
  readonly hostcalls: { readonly deny: readonly string[] };
  /** Names of callbacks that are not called. */
  readonly callbacks: { readonly deny: readonly string[] };
  /** Variables of Weir's own environment that it sees, beside those of `FilterConfig.env`. */
  readonly env: readonly string[];
  readonly directories: readonly DirectoryGrant[];
  /** Where it may connect to. */
  readonly tcp: readonly TcpGrant[];
  readonly clocks: readonly ('monotonic' | 'wall')[];
  readonly random: boolean;
}

export interface DirectoryGrant {
  /** Absolute path; was a directory when the configuration was loaded. */
  readonly host: string;
  /** What the guest calls it: absolute, without a trailing slash unless it is `/`. */
  readonly guest: string;
  readonly access: 'read' | 'write';
}

export interface TcpGrant {
  /** A name or an IP address without brackets, lower case. */
  readonly host: string;
  readonly port: number;
}

/** A component that is plugged into another one. */
export interface PlugConfig {
  /** Absolute path; was a readable file when the configuration was loaded. */
  readonly module: string;
  /** The path as written in the file. */
  readonly moduleText: string;
}

/** closed: 503, and the filter stays down. open: it is skipped. reload: 503, and a new VM is started. */
export type FailurePolicy = 'closed' | 'open' | 'reload';

/** How VMs that died are replaced. */
export interface RestartConfig {
  /** Before the second restart in a row, in ms; doubles with each one. The first is at once. */
  readonly firstDelay: number;
  /** Longest wait, in ms. */
  readonly maxDelay: number;
  /** With more crashes than this within a minute, the filter stays down until that minute is over. */
  readonly crashesPerMinute: number;
}

/** Limits that are reached while a filter runs; the others are asked when its module is loaded. */
export type LimitName = Exclude<keyof FilterLimits, 'moduleSize' | 'tableElements' | 'functionSize'>;

export interface FilterLimits {
  /** Bytes of the file of a module or component, and of each of its plugs. */
  readonly moduleSize: number;
  /** Linear memory of one VM, all its memories together, in bytes. */
  readonly memory: number;
  /** Entries of all tables of one VM together. */
  readonly tableElements: number;
  /** Bytes of code of the longest function of a module. */
  readonly functionSize: number;
  /** Longest a callback may run, in ms (of CPU time where the system tells). */
  readonly callTime: number;
  /** Longest that starting a VM or a plugin may take, each call into the module counted alone, in ms. */
  readonly startTime: number;
  /** Most bytes of one body held while the filter pauses it, or made by the filter. */
  readonly bufferedBody: number;
  /** Longest a stream may stay paused, in ms. */
  readonly pauseTime: number;
  /** Most fields in a map (headers or trailers) that the filter changed. */
  readonly headerCount: number;
  /** Most bytes of such a map: names and values. */
  readonly headerBytes: number;
  /** Longest body of a local response. */
  readonly localResponseBody: number;
  /** Most bytes (paths and values) of the properties a filter sets on one stream. */
  readonly propertyBytes: number;
  /** Lines a filter may log per second. */
  readonly logLines: number;
  /** Contexts of a filter that live at once, those that wait for proxy_done included. */
  readonly contexts: number;
  /** HTTP and gRPC calls under way at once. */
  readonly calls: number;
  /** Most bytes (keys and values, names of queues, 64 for each) that the filter's vm id has, after it set something. */
  readonly sharedDataBytes: number;
  /** Most values in a queue that it puts another one into. */
  readonly queueLength: number;
  /** Most bytes (64 for each value beside its own) in all queues of a vm id that it puts a value into. */
  readonly queueBytes: number;
  /** Most bytes that its calls under way hold: bodies of requests and answers, messages that wait to go out. */
  readonly callBytes: number;
  /** Metrics that it may define. */
  readonly metrics: number;
  /** Shortest time between two ticks, in ms. */
  readonly tickPeriod: number;
}

/** A place in the configuration file; line and column are 1-based. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Limits on what a client may do to a listener: times in ms. */
export interface ServerLimits {
  /** Until the request's headers are complete. */
  readonly headersTimeout: number;
  /** Until the whole request is in; 0: no limit. */
  readonly requestTimeout: number;
  /** How long an idle connection is kept. */
  readonly keepAliveTimeout: number;
  /** Most bytes of a request's start line and headers. */
  readonly maxHeaderSize: number;
}

/** How modules and the VMs made of them are kept. */
export interface ModulesConfig {
  readonly cache: ModuleCacheLimits;
  /** Directory of the disk cache; empty: none; undefined: the default one. */
  readonly directory: string | undefined;
}

export interface ModuleCacheLimits {
  /** Most compiled modules kept. */
  readonly maxModules: number;
  /** Most bytes of code of such modules. */
  readonly maxBytes: number;
  /** Most VMs kept with `isolation: shared`. */
  readonly maxVms: number;
}

export interface LogConfig {
  readonly level: LogLevel;
  /** auto: pretty when stderr is a terminal, otherwise JSON. */
  readonly format: 'auto' | 'json' | 'pretty';
}

export interface ShutdownConfig {
  /** How long requests in flight may take to end after a stop signal, in ms. */
  readonly drain: number;
}
