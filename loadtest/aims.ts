import type { Aim, CaseResult, GroupResult } from '../src/bench/types.ts';
import { measureColdStart } from './engine/instantiate.ts';
import { measureMemory } from './engine/memory.ts';
import { measureStart } from './start.ts';

/** Bytes of a module that is small: its VM has to be made within a millisecond. */
const SMALL = 200_000;
const MIB = 1024 * 1024;

function aim(what: string, value: number | undefined, most: number, unit: string): Aim[] {
  if (value === undefined || Number.isNaN(value)) return [];
  return [{ what, value, most, unit, reached: value <= most }];
}

const quotient = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a / b;

/** What was wished for of requests, as far as these groups tell. */
export function aimsOf(groups: readonly GroupResult[]): Aim[] {
  const found = (group: string, name: string): CaseResult | undefined =>
    groups.find(each => each.name === group)?.cases.find(each => each.name === name);
  const forwarder = (name: string) => found('forwarders', name)?.ratios.cpu.median;
  const none = forwarder('weir, no filter');
  const chain = (length: number) => {
    const micros = found('kinds', `${length} x Rust module (add-header)`)?.cost?.micros;
    return micros ? micros.median * length : undefined;
  };
  const past = (size: string, way = 'download') =>
    found('bodies', `${way} ${size}, pass-through, 1 Rust header filter`);
  const rewritten = found('bodies', 'download 1 MiB, rewrite')?.ratios.rate.median;
  const two = (filters: string) => found('workers', `2 workers, ${filters}`)?.ratios.cpu.median;
  const many = found('many-filters', '1,000 filters, 32 kept');
  return [
    ...aim('no filter, CPU, of the bare undici forwarder', none, 1.1, 'x'),
    ...aim('no filter, CPU, of http-proxy alone', quotient(none, forwarder('http-proxy alone')), 0.65, 'x'),
    ...aim('one Rust header filter', chain(1), 2, 'µs'),
    ...aim('ten Rust header filters', chain(10), 20, 'µs'),
    ...['64 KiB', '1 MiB', '64 MiB'].flatMap(size => [
      ...aim(`download of ${size} past a header filter, CPU`, past(size)?.ratios.cpu.median, 1.03, 'x'),
      ...aim(
        `upload of ${size} past a header filter, CPU`,
        past(size, 'upload')?.ratios.cpu.median,
        1.03,
        'x',
      ),
    ]),
    ...aim(
      'downloads of 1 MiB that pass, to those that are rewritten in the same time',
      quotient(past('1 MiB')?.ratios.rate.median, rewritten),
      1 / 0.6,
      'x',
    ),
    ...['no filter', '10 Rust header filters'].flatMap(filters =>
      aim(`two workers, ${filters}: CPU per request, of one worker's`, two(filters), 1 / 0.9, 'x'),
    ),
    ...aim('1,000 filters, 32 kept, p99', many?.latency?.p99, 20, 'ms'),
  ];
}

/** What isn't about requests: measured when it is asked for. */
export const OTHER_AIMS: Readonly<Record<string, { what: string; measure: () => Promise<Aim[]> }>> = {
  start: {
    what: 'from the start of weir run to its first answer',
    measure: async () => {
      const rows = (await measureStart({ rounds: 9 })).filter(({ name }) => name.startsWith('weir'));
      return rows.flatMap(({ name, listensMs, rssBytes }) => [
        ...aim(`${name}: first answer after`, listensMs.median, 400, 'ms'),
        ...aim(`${name}: resident then`, rssBytes === 0 ? undefined : rssBytes / MIB, 150, 'MiB'),
      ]);
    },
  },
  'cold-start': {
    what: 'a new VM of a compiled module',
    measure: async () =>
      (await measureColdStart(50))
        .filter(({ size }) => size < SMALL)
        .flatMap(({ name, started }) => aim(`${name}: a new VM, p99`, started.p99, 1, 'ms')),
  },
  'vm-memory': {
    what: 'what a live VM takes',
    measure: async () => {
      // Resident memory by kind is Linux's to tell.
      if (process.platform !== 'linux') return [];
      const rows = await measureMemory();
      return rows.flatMap(({ name, touched, linear }) =>
        aim(`${name}: a live VM over its linear memory`, (touched - linear) * 1.024e-3, 0.3, 'MB'),
      );
    },
  },
};
