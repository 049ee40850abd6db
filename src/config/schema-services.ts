import * as z from 'zod';
import { documented, duration, size, text } from './schema-fields.ts';

/** `services`: filters that work without requests. */
export const services = documented(
  z.array(
    documented(
      z.strictObject({
        filter: text('a name', value => value !== '', {
          description: 'Name of a filter: its root context runs, whether a route uses it or not.',
          remedy: 'a name from filters',
        }),
        singleton: documented(z.boolean(), {
          description: 'true: on one worker only; another one takes over when that ends. false: on each.',
          remedy: 'true or false',
        }).default(true),
      }),
      { description: 'One service.', remedy: 'a mapping, for example {filter: access-log-ship}' },
    ),
  ),
  {
    description: 'Filters that work without requests: on ticks and shared queues (Wasm services in Envoy).',
    remedy: 'list filters, for example [{filter: access-log-ship}]',
    examples: [[{ filter: 'access-log-ship' }]],
  },
).default([]);

/** `sharedData`: where shared data and queues are. */
export const sharedData = documented(
  z.strictObject({
    maxBytes: size(
      'Most bytes of all shared data and queues in memory; not used with redis',
      '64KiB',
      '1GiB',
    ).default('64MiB'),
    redis: documented(
      z.strictObject({
        url: text(
          'a URL of a Redis server',
          value => /^rediss?:$/.test(URL.parse(value)?.protocol ?? '') && URL.parse(value)?.hostname !== '',
          {
            description: 'The server; a number as path is the database.',
            remedy: 'redis://host:port, or rediss://host:port (TLS)',
            examples: ['redis://127.0.0.1:6379'],
          },
        ),
        passwordEnv: text(
          'a name of an environment variable',
          value => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value),
          {
            description: "Variable of Weir's own environment that has the password.",
            remedy: 'a name, for example REDIS_PASSWORD',
          },
        ).optional(),
        prefix: text(
          'text without control characters',
          value => !/\p{Cc}/u.test(value) && value.length <= 128,
          {
            description: 'What all keys begin with: Weirs that share data have the same.',
            remedy: 'up to 128 visible characters, for example "weir:"',
          },
        ).default('weir:'),
        timeout: duration('Longest a hostcall waits for the server', '1ms', '5s').default('50ms'),
      }),
      {
        description: 'Shared data and queues in a Redis or Valkey server, which several machines share.',
        remedy: 'a mapping, for example {url: "redis://127.0.0.1:6379"}',
      },
    ).optional(),
  }),
  {
    description:
      'Where shared data and shared queues are: in memory, shared by all workers, unless redis says otherwise.',
    remedy: 'a mapping, for example {maxBytes: 64MiB}',
  },
).prefault({});

/** `foreignFunctions`: what filters may call of one's own. */
export const foreignFunctions = text('a path', value => value !== '' && !/\p{Cc}/u.test(value), {
  description:
    'A JavaScript module whose exported functions filters may call (proxy_call_foreign_function), relative to this file.',
  remedy: 'a path to a module that Node imports, for example ./functions.js',
  examples: ['./functions.js'],
}).optional();
