import * as z from 'zod';
import { type Doc, documented, text } from './schema-fields.ts';
import { parseTcp } from './units.ts';

/** Text that can cross into a guest as a C string. */
export const guestText = (doc: Doc) => text('text without NUL', value => !value.includes('\0'), doc);

const variable = (description: string) =>
  text('a name of an environment variable', value => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value), {
    description,
    remedy: 'letters, digits and _, not starting with a digit, for example API_TOKEN',
  });

/** A path to a module or component. */
export const modulePath = (description: string, example = '../filters/rust/add-header/add-header.wasm') =>
  documented(
    z
      .string()
      .min(1, { abort: true, error: () => 'is empty' })
      .refine(value => !/^[a-z][a-z0-9+.-]+:\/\//i.test(value), {
        error: issue => `${String(issue.input).replace(/:.*/s, '')}:// modules are not implemented yet`,
      }),
    {
      description,
      remedy: 'a path to a .wasm file, relative to this file',
      examples: [example],
    },
  );

/** `env` of a filter. */
export const env = documented(
  z.record(
    variable('Name.'),
    guestText({ description: 'Value.', remedy: 'a string; quote numbers, true and false' }),
  ),
  {
    description:
      "The module's environment; nothing of Weir's own is passed on but what capabilities.env names.",
    remedy: 'map names to strings, for example {API_TOKEN: abc}',
  },
).default({});

/** Whether a guest can name a directory so: absolute, and in the one form that paths are compared in. */
function isGuestPath(path: string): boolean {
  if (path === '/') return true;
  return /^(?:\/[^/\\\p{Cc}]+)+$/u.test(path) && !/\/\.\.?(?:\/|$)/.test(path);
}

const directory = documented(
  z.strictObject({
    host: documented(z.string().min(1, { error: () => 'is empty' }), {
      description: 'The directory, relative to this file.',
      remedy: 'a path to a directory, relative to this file',
      examples: ['./data'],
    }),
    guest: text('a path in the guest', isGuestPath, {
      description: 'What the component calls it: an absolute path.',
      remedy: 'an absolute path without //, dot segments and a / at its end, for example /data',
      examples: ['/data'],
    }),
    access: documented(z.enum(['read', 'write']), {
      description: 'read: nothing in it can be changed. write: everything in it can.',
      remedy: 'read or write',
    }).default('read'),
  }),
  { description: 'One directory.', remedy: 'a mapping, for example {host: ./data, guest: /data}' },
);

/** A list whose entries differ: references.ts says where they don't. */
const list = <T extends z.ZodType>(entry: T, doc: Doc) =>
  documented(z.array(entry).meta({ uniqueItems: true }), doc);

/** What a filter is denied of what it has otherwise. */
const denied = (what: 'hostcall' | 'callback', example: string) =>
  documented(
    z.strictObject({
      deny: list(
        text(
          `a ${what}`,
          value => (what === 'hostcall' ? /^proxy_(?!on_)[a-z0-9_]+$/ : /^proxy_on_[a-z0-9_]+$/).test(value),
          {
            description: `Name of a ${what}.`,
            remedy: `a name of the specification, for example ${example}`,
          },
        ),
        {
          description: `What is denied of Proxy-Wasm's ${what}s.`,
          remedy: `list ${what}s, for example [${example}]`,
          examples: [[example]],
        },
      ).default([]),
    }),
    {
      description: `A choice of ${what}s: all but those denied.`,
      remedy: `a mapping, for example {deny: [${example}]}`,
    },
  ).prefault({});

/** `capabilities` of a filter: it is denied everything outside of its streams that isn't named here. */
export const capabilities = documented(
  z.strictObject({
    upstreams: list(
      text('a name', value => value !== '', {
        description: 'Name of an upstream.',
        remedy: 'a name from upstreams',
      }),
      {
        description: 'Upstreams that it may call, by HTTP or gRPC.',
        remedy: 'list names from upstreams, for example [auth-service]',
        examples: [['auth-service']],
      },
    ).default([]),
    sharedData: documented(z.boolean(), {
      description: 'true: it may use shared data and shared queues.',
      remedy: 'true or false',
    }).default(false),
    hostcalls: denied('hostcall', 'proxy_set_property'),
    callbacks: denied('callback', 'proxy_on_tick'),
    env: list(variable("Name of a variable of Weir's own."), {
      description: "Variables of Weir's own environment that are passed on, if set; other values go in env.",
      remedy: "list names of Weir's own variables, for example [HOME]; values of one's own go in env",
      examples: [['HOME', 'TOKEN']],
    }).default([]),
    directories: documented(z.array(directory), {
      description: 'Directories that it may open.',
      remedy: 'list directories, for example [{host: ./data, guest: /data, access: read}]',
      examples: [[{ host: './data', guest: '/data', access: 'read' }]],
    }).default([]),
    tcp: list(
      text('a host and port', value => parseTcp(value) !== undefined, {
        description: 'host:port.',
        remedy:
          'host:port with a port from 1 to 65535, for example db.internal:5432 or "[::1]:5432" in quotes',
        examples: ['db.internal:5432', '[::1]:5432'],
      }),
      {
        description: 'Where it may connect to by TCP.',
        remedy: 'list hosts with their ports, for example [db.internal:5432]',
        examples: [['db.internal:5432']],
      },
    ).default([]),
    clocks: list(
      documented(z.enum(['monotonic', 'wall']), {
        description: 'monotonic: how much time passes. wall: what time it is.',
        remedy: 'monotonic or wall',
      }),
      {
        description: 'Clocks that it may read.',
        remedy: 'list clocks, for example [monotonic, wall]',
        examples: [['monotonic', 'wall']],
      },
    ).default([]),
    random: documented(z.boolean(), {
      description: 'true: it may have random numbers.',
      remedy: 'true or false',
    }).default(false),
  }),
  {
    description: 'What the filter may reach outside of its streams; everything else is denied.',
    remedy: 'a mapping, for example {upstreams: [auth-service], clocks: [monotonic]}',
  },
).prefault({});

/** `plugs` of a filter. */
export const plugs = documented(
  z
    .array(modulePath('The .wasm file of a component, relative to this file.', './verifier.wasm'))
    .meta({ uniqueItems: true })
    .max(100, { error: () => 'has more than 100 plugs' }),
  {
    description: "Components whose exports are handed to this one's imports.",
    remedy: 'list paths to .wasm files of components, for example [./verifier.wasm]',
    examples: [['./verifier.wasm']],
  },
).default([]);
