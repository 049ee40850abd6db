import * as z from 'zod';
import { documented, duration, size } from './schema-fields.ts';

const count = (description: string, most: number) =>
  documented(z.int().min(1).max(most), {
    description: `${description}.`,
    remedy: `a whole number from 1 to ${most}`,
  });

/** `limits` of a filter: every one has a default and a counter (`weir_filter_limit_hits_total`). */
export const limits = documented(
  z.strictObject({
    moduleSize: size('Largest file of a module or component', '1KiB', '1GiB').default('32MiB'),
    memory: size('Linear memory of one VM', '64KiB', '4GiB').default('16MiB'),
    tableElements: count('Entries of all tables of one VM', 1_000_000).default(32_768),
    functionSize: size('Longest function of a module, in bytes of code', '1KiB', '8MiB').default('256KiB'),
    callTime: duration('Longest a callback may run', '1ms', '1m').default('10ms'),
    startTime: duration(
      'Longest a call into the module may run while a VM or plugin starts',
      '1ms',
      '1m',
    ).default('1s'),
    bufferedBody: size('Most bytes of one body that the filter may hold or make', '1B', '1GiB').default(
      '1MiB',
    ),
    pauseTime: duration('Longest a stream may stay paused').default('30s'),
    headerCount: count('Most fields of headers or trailers that the filter may leave behind', 10_000).default(
      1000,
    ),
    headerBytes: size('Most bytes of such fields, names and values', '1KiB', '1MiB').default('128KiB'),
    localResponseBody: size('Longest body of a local response', '1B', '1GiB').default('1MiB'),
    propertyBytes: size(
      'Most bytes of properties that the filter may set on a stream',
      '1B',
      '16MiB',
    ).default('64KiB'),
    logLines: count('Lines the filter may log per second; further ones are counted', 1_000_000).default(1000),
    contexts: count(
      'Contexts of the filter that live at once, those that wait for proxy_done included',
      1_000_000,
    ).default(10_000),
    calls: count('HTTP and gRPC calls of the filter under way at once', 100_000).default(1000),
    sharedDataBytes: size(
      "Most bytes of shared data, keys and values, that the filter's vm id may have",
      '1B',
      '1GiB',
    ).default('1MiB'),
    queueLength: count(
      'Most values in a shared queue that the filter puts another one into',
      1_000_000,
    ).default(10_000),
    queueBytes: size(
      'Most bytes of values in the shared queues of a vm id that the filter puts another one into',
      '1B',
      '1GiB',
    ).default('4MiB'),
    callBytes: size('Most bytes that the calls of the filter under way hold', '1KiB', '4GiB').default(
      '16MiB',
    ),
    metrics: count('Metrics that the filter may define', 10_000).default(1000),
    tickPeriod: duration('Shortest time between two ticks; shorter periods become this', '1ms', '1h').default(
      '10ms',
    ),
  }),
  {
    description: 'What one VM of the filter may use.',
    remedy: 'a mapping, for example {memory: 16MiB, callTime: 10ms}',
  },
).prefault({});

/** `restart` of a filter. */
export const restart = documented(
  z.strictObject({
    firstDelay: duration(
      'Wait before the second new VM in a row; the first is started at once; doubles',
    ).default('100ms'),
    maxDelay: duration('Longest wait between new VMs').default('30s'),
    crashesPerMinute: count(
      'Crashes within a minute after which the filter stays down for the rest of it',
      10_000,
    ).default(30),
  }),
  {
    description: 'How VMs that died are replaced.',
    remedy: 'a mapping, for example {firstDelay: 100ms, maxDelay: 30s}',
  },
).prefault({});
