import * as z from 'zod';
import { capabilities, env, guestText, modulePath, plugs } from './schema-capabilities.ts';
import { documented, duration, name, remedies, size, text } from './schema-fields.ts';
import { limits, restart } from './schema-limits.ts';
import { match } from './schema-match.ts';
import { foreignFunctions, services, sharedData } from './schema-services.ts';
import { builtinEndpoints, parseAddress, parseEndpoint, sha256Pattern } from './units.ts';

/**
 * The configuration as a person writes it. This schema is the only place that says what is allowed: the types
 * of the input, the published JSON Schema (`weir schema`) and the checks all come from it. References between
 * its parts are checked in references.ts.
 */

/** Keys whose feature is designed but not built: refused by name, so that nobody believes they work. */
export const notImplemented: Readonly<Record<string, string>> = {
  'upstreams.*.tls': 'TLS to upstreams',
  'listeners.*.tls': 'TLS on listeners',
};

/** Values by namespace and key, as filters find them below `property`. */
const metadata = (what: string, property: string) =>
  documented(
    z.record(
      z.string().min(1),
      z.record(
        z.string().min(1),
        documented(z.union([z.string(), z.number(), z.boolean()]), {
          description: 'Value: a string, a number (8 bytes, a double) or a boolean (a byte).',
          remedy: 'a string, a number, true or false',
        }),
      ),
    ),
    {
      description: `What filters find out about the ${what}, by namespace and key: property ${property}.filter_metadata.<namespace>.<key>.`,
      remedy: 'map namespaces to mappings of keys to values, for example {location: {region: eu}}',
      examples: [{ location: { region: 'eu' } }],
    },
  ).optional();

const upstreamName = (description: string) =>
  text('a name', value => value !== '', { description, remedy: 'a name from upstreams' });

const filterNames = (description: string) =>
  documented(
    z
      .array(
        text('a name', value => value !== '', {
          description: 'Name of a filter.',
          remedy: 'a name from filters',
        }),
      )
      .max(100, { error: () => 'has more than 100 filters' }),
    { description, remedy: 'list names from filters, for example [auth, add-header]' },
  );

const route = documented(
  z.strictObject({
    name: name('route').optional(),
    match: match.optional(),
    upstream: upstreamName('Name of the upstream the request is sent to.'),
    filters: filterNames(
      'The filter chain: requests run through it in this order, responses in reverse.',
    ).default([]),
    metadata: metadata('route', 'route_metadata'),
  }),
  { description: 'One route.', remedy: 'write a mapping with match, upstream and filters' },
);

const address = () =>
  text('an address', value => parseAddress(value) !== undefined, {
    description: 'host:port; :8080 is every address, port 0 lets the system pick one.',
    remedy: 'host:port, for example 127.0.0.1:8080, :8080 (every address) or "[::1]:8080" in quotes',
    examples: ['127.0.0.1:8080', ':8080', '[::1]:8080'],
  });

// What belongs to which protocol is checked in references-listener.ts.
const listener = documented(
  z
    .strictObject({
      name: name('listener').optional(),
      address: address(),
      protocol: documented(z.enum(['http', 'tcp']), {
        description: 'http: requests take routes. tcp: connections go to one upstream through one chain.',
        remedy: 'http or tcp',
      }).default('http'),
      routes: documented(z.array(route).min(1, { error: () => 'is empty' }), {
        description: 'Routes in order: the first that matches wins.',
        remedy: 'list at least one route, for example [{upstream: app}]',
      }).optional(),
      upstream: upstreamName('With protocol tcp: name of the upstream that connections go to.').optional(),
      filters: filterNames(
        'With protocol tcp: the filter chain. What the client sends runs through it in this order, what the upstream sends in reverse.',
      ).optional(),
    })
    .meta({ oneOf: [{ required: ['routes'] }, { required: ['upstream'] }] }),
  { description: 'One address and its routes.', remedy: 'write a mapping with address and routes' },
);

const endpoint = documented(
  z.string().refine(value => builtinEndpoints.includes(value) || parseEndpoint(value) !== undefined, {
    error: ({ input }) =>
      /^https:/i.test(String(input))
        ? 'https:// endpoints are not implemented yet'
        : `${JSON.stringify(input)} is not an endpoint`,
  }),
  {
    description:
      'http://host:port; builtin:echo (answers requests with what arrived, as JSON); for tcp listeners also tcp://host:port, or builtin:tcp-echo (sends back what it gets).',
    remedy: 'http://host:port without a path, tcp://host:port, builtin:echo or builtin:tcp-echo',
    examples: ['http://127.0.0.1:9000', 'builtin:echo', 'tcp://127.0.0.1:5432'],
  },
);

const upstream = documented(
  z.strictObject({
    endpoints: documented(z.array(endpoint).min(1, { error: () => 'is empty' }), {
      description: 'Addresses of the service; requests take them in turn.',
      remedy: 'list at least one, for example [http://127.0.0.1:9000]',
    }),
    transport: documented(z.enum(['undici', 'http-proxy']), {
      description: 'How requests are forwarded. Upgrades (WebSocket) always go through http-proxy.',
      remedy: 'undici or http-proxy',
    }).default('undici'),
    timeouts: documented(
      z.strictObject({
        connect: duration('Longest time until a connection stands').default('5s'),
        response: duration('Longest time from the end of the request to the response headers').default('15s'),
        idle: duration(
          'Longest silence within a response body; longest time a TCP connection may carry nothing either way',
        ).default('5m'),
      }),
      { description: 'Timeouts.', remedy: 'a mapping, for example {connect: 1s, response: 15s}' },
    ).prefault({}),
    connections: documented(z.int().min(1).max(65535), {
      description:
        'Most connections open at once to one endpoint, for requests; further ones wait. Each TCP connection has one of its own.',
      remedy: 'a whole number from 1 to 65535',
    }).default(256),
    metadata: metadata('upstream', 'cluster_metadata'),
  }),
  {
    description: 'A service.',
    remedy: 'write a mapping with endpoints, for example {endpoints: [http://127.0.0.1:9000]}',
  },
);

const payload = (what: string) =>
  documented(z.unknown(), {
    description: `${what}: a string goes as it is (UTF-8), anything else as JSON; absent: empty.`,
    remedy: '',
  });

const filter = documented(
  z.strictObject({
    module: modulePath('The .wasm file, relative to this file: a Proxy-Wasm module or a WASI 0.2 component.'),
    sha256: text('a SHA-256', value => sha256Pattern.test(value), {
      description: 'SHA-256 of the module: refuse other bytes.',
      remedy: '64 hexadecimal digits in quotes, as sha256sum prints them',
    }).optional(),
    config: payload('Plugin configuration').optional(),
    vmConfig: payload('VM configuration').optional(),
    vmId: guestText({
      description: 'Plugins with the same vmId, module and vmConfig share one VM.',
      remedy: 'a string',
    }).default(''),
    rootId: guestText({
      description: 'Which root context of the module to use, where it has several.',
      remedy: 'a string',
    }).default(''),
    env,
    allowOnHeadersStopIteration: documented(z.boolean(), {
      description:
        'true: StopIteration from a header callback stops headers only, not the body (as in Envoy).',
      remedy: 'true or false',
    }).default(false),
    limits,
    onFailure: documented(z.enum(['closed', 'open', 'reload']), {
      description:
        'When its VM dies: closed answers 503 and the filter stays down; open skips the filter; reload answers 503 to the requests that were in it and starts a new VM.',
      remedy: 'closed, open or reload',
    }).default('reload'),
    restart,
    isolation: documented(z.enum(['shared', 'request']), {
      description: 'shared: one VM for all requests. request: each request gets a fresh VM.',
      remedy: 'shared or request',
    }).default('shared'),
    pool: documented(z.int().min(0).max(1000), {
      description:
        'VMs kept ready with isolation: request, and for wasi:http components; they are made between requests.',
      remedy: 'a whole number from 0 to 1000',
    }).default(8),
    preload: documented(z.boolean(), {
      description:
        'false: compiled and started by the first request that needs it. Default: modules.preload.',
      remedy: 'true or false',
    }).optional(),
    capabilities,
    plugs,
  }),
  {
    description: 'A Proxy-Wasm module or a component, and its configuration.',
    remedy: 'write a mapping with module, for example {module: add-header.wasm}',
  },
);

/** What the file holds. */
export const configSchema = z
  .strictObject({
    listeners: documented(z.array(listener).min(1, { error: () => 'is empty' }), {
      description: 'Addresses that are listened on.',
      remedy: 'list at least one, for example [{address: "127.0.0.1:8080", routes: [{upstream: app}]}]',
    }),
    upstreams: documented(z.record(name('upstream'), upstream), {
      description: 'Services requests are sent to, by name.',
      remedy: 'map names to upstreams, for example {app: {endpoints: [http://127.0.0.1:9000]}}',
    }),
    filters: documented(z.record(name('filter'), filter), {
      description: 'Filters that routes can use, by name.',
      remedy: 'map names to filters, for example {add-header: {module: add-header.wasm}}',
    }).default({}),
    services,
    sharedData,
    foreignFunctions,
    workers: documented(z.union([z.literal('auto'), z.int().min(1).max(255)]), {
      description:
        'Threads that serve, each with its own VMs and connections to upstreams. auto: one per core; 1: everything in the main thread.',
      remedy: 'auto, or a whole number from 1 to 255',
    }).default('auto'),
    modules: documented(
      z.strictObject({
        cache: documented(
          z.strictObject({
            maxModules: documented(z.int().min(1).max(10_000), {
              description: 'Most compiled modules kept.',
              remedy: 'a whole number from 1 to 10000',
            }).default(64),
            maxBytes: size('Most bytes of modules kept', '1MiB', '64GiB').default('256MiB'),
            maxVms: documented(z.int().min(1).max(10_000), {
              description: 'Most VMs kept with isolation: shared.',
              remedy: 'a whole number from 1 to 10000',
            }).default(256),
            directory: documented(z.union([z.string().min(1), z.literal(false)]), {
              description:
                "Where prepared modules are kept on disk, relative to this file; false: nowhere. Default: weir in the user's cache directory.",
              remedy: 'a path, or false',
            }).optional(),
          }),
          {
            description: 'The cache of compiled modules.',
            remedy: 'a mapping, for example {maxModules: 64, maxBytes: 256MiB}',
          },
        ).prefault({}),
        preload: documented(z.boolean(), {
          description: 'Start the filters that routes use with the process; a filter can say otherwise.',
          remedy: 'true or false',
        }).default(true),
      }),
      { description: 'How modules are kept.', remedy: 'a mapping, for example {cache: {maxModules: 64}}' },
    ).prefault({}),
    admin: documented(z.strictObject({ address: address() }), {
      description: 'Where /metrics (Prometheus) and /healthz are served: not for clients.',
      remedy: 'a mapping, for example {address: "127.0.0.1:9901"}',
    }).optional(),
    server: documented(
      z.strictObject({
        headersTimeout: duration("Longest time until a request's headers are complete").default('60s'),
        requestTimeout: duration('Longest time until a whole request is in; 0s: no limit', '0s').default(
          '5m',
        ),
        keepAliveTimeout: duration('How long an idle client connection is kept').default('60s'),
        maxHeaderSize: size("Most bytes of a request's start line and headers", '1KiB', '1MiB').default(
          '64KiB',
        ),
      }),
      { description: 'What clients may do.', remedy: 'a mapping, for example {requestTimeout: 5m}' },
    ).prefault({}),
    log: documented(
      z.strictObject({
        level: documented(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']), {
          description: 'Least severe level logged; also what filters are told.',
          remedy: 'trace, debug, info, warn, error or fatal',
        }).default('info'),
        format: documented(z.enum(['auto', 'json', 'pretty']), {
          description: 'auto: pretty when stderr is a terminal, otherwise JSON.',
          remedy: 'auto, json or pretty',
        }).default('auto'),
      }),
      { description: 'Logs, on stderr.', remedy: 'a mapping, for example {level: debug}' },
    ).prefault({}),
    shutdown: documented(
      z.strictObject({
        drain: duration('How long requests in flight may take to end after SIGTERM', '0s').default('10s'),
      }),
      { description: 'The graceful stop.', remedy: 'a mapping, for example {drain: 10s}' },
    ).prefault({}),
  })
  .meta({ title: 'Weir configuration' })
  .register(remedies, {
    remedy: 'write a mapping with at least listeners and upstreams; see config/minimal.yaml',
  });

/** The file's content as written: every key that has a default may be absent. */
export type ConfigInput = z.input<typeof configSchema>;

/** The same with defaults filled in. */
export type ConfigOutput = z.output<typeof configSchema>;

/** The published JSON Schema (draft 7, what editors understand best), as `weir schema` prints it. */
export function jsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
}
