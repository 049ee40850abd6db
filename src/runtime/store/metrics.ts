import { FULL, type GuestMetrics, MetricType, MISMATCH } from '../../plugin/services.ts';
import { Arena, type ArenaLayout, COUNTERS, FIELDS, LOCK, MAX_BYTES } from './arena.ts';
import { WANTED } from './lock.ts';
import { METRIC, Scopes } from './scopes.ts';
import { MAIN_TOKEN, Threads } from './threads.ts';

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_NUMBERS = 131_072;
const MIN_BYTES = 64 * 1024;
const MAX_NUMBERS = 1 << 24;

/** Upper bounds of a histogram's buckets, inclusive, as in Envoy; one more bucket has what is above. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
/** A histogram's numbers: how many fell into each bucket, then the sum of all. */
const SUM = BUCKETS.length + 1;
const HISTOGRAM_NUMBERS = SUM + 1;

/** Of a metric's entry. */
const TYPE = FIELDS;
const NUMBER = FIELDS + 1;
/** Of the arena: numbers that are taken. */
const TAKEN = COUNTERS;

const layoutOf = (maxBytes: number): ArenaLayout => ({ maxBytes, ownWords: 0 });

/** For `open` in another thread; can be posted. */
export interface MetricsHandle {
  readonly names: SharedArrayBuffer;
  readonly numbers: SharedArrayBuffer;
  readonly maxBytes: number;
  readonly token: number;
}

/** One metric now. Numbers are unsigned, 64 bits, and wrap. */
export type GuestMetric = { readonly filter: string; readonly name: string } & (
  | { readonly type: typeof MetricType.COUNTER | typeof MetricType.GAUGE; readonly value: bigint }
  | {
      readonly type: typeof MetricType.HISTOGRAM;
      /** Observations in each of BUCKETS, not cumulative, and above them. */
      readonly buckets: readonly bigint[];
      readonly sum: bigint;
      /** All observations. */
      readonly count: bigint;
    }
);

/**
 * Metrics of all filters in memory that the threads of one process share: exact sums without merging. Made, handed out
 * and recovered as EmbeddedStore. A metric stays until the process ends, whoever dies.
 */
export class SharedMetrics implements GuestMetrics, Iterable<GuestMetric> {
  /** Under the names; for tests. */
  readonly arena: Arena;
  readonly #names: SharedArrayBuffer;
  readonly #numbers: BigUint64Array<SharedArrayBuffer>;
  readonly #maxBytes: number;
  readonly #threads: Threads | undefined;
  readonly #scopes: Scopes;

  private constructor(handle: MetricsHandle, threads: Threads | undefined) {
    this.#names = handle.names;
    this.#numbers = new BigUint64Array(handle.numbers);
    this.#maxBytes = handle.maxBytes;
    this.#threads = threads;
    const arena = new Arena(handle.names, layoutOf(handle.maxBytes), handle.token, (entries, visit) =>
      this.#restore(entries, visit),
    );
    this.arena = arena;
    this.#scopes = new Scopes(arena);
  }

  /**
   * `maxBytes`: of names and what is needed to find them, 64 KiB to 1 GiB, default 4 MiB. `maxNumbers`: a counter or gauge
   * takes one, a histogram 21; default 131,072. Memory is taken only as it is used.
   * @throws RangeError when one is out of range.
   */
  static create({ maxBytes = DEFAULT_MAX_BYTES, maxNumbers = DEFAULT_MAX_NUMBERS } = {}): SharedMetrics {
    if (!(maxBytes >= MIN_BYTES && maxBytes <= MAX_BYTES)) {
      throw new RangeError(`maxBytes ${maxBytes}: ${MIN_BYTES} to ${MAX_BYTES} are possible`);
    }
    if (!(Number.isInteger(maxNumbers) && maxNumbers > 0 && maxNumbers <= MAX_NUMBERS)) {
      throw new RangeError(`maxNumbers ${maxNumbers}: 1 to ${MAX_NUMBERS} are possible`);
    }
    const capacity = Math.floor(maxBytes / 16) * 16;
    const names = Arena.make(layoutOf(capacity));
    const numbers = new SharedArrayBuffer(maxNumbers * 8);
    return new SharedMetrics({ names, numbers, maxBytes: capacity, token: MAIN_TOKEN }, new Threads());
  }

  /** In the thread that the handle was made for. */
  static open(handle: MetricsHandle): SharedMetrics {
    return new SharedMetrics(handle, undefined);
  }

  /**
   * For a thread; `threadIndex` is 0 to 254, the same again only after `recover`.
   * @throws RangeError when it is out of range or taken.
   */
  handle(threadIndex: number): MetricsHandle {
    const token = this.#maker.join(threadIndex);
    return { names: this.#names, numbers: this.#numbers.buffer, maxBytes: this.#maxBytes, token };
  }

  /** The thread with that index has ended, whatever it was doing; not before its `exit` event. */
  recover(threadIndex: number): void {
    const token = this.#maker.lose(threadIndex);
    if (token !== undefined) this.arena.lock.releaseOf(token);
  }

  /** FULL also when a dead thread's lock has not been recovered within a second. */
  define(filter: string, type: MetricType, name: string, most: number): number {
    const arena = this.arena;
    const scope = this.#scopes.make(filter);
    if (scope <= 0) return FULL;
    const hashed = arena.hash(METRIC, scope, name);
    if (!arena.enter()) return FULL;
    try {
      const { words } = arena;
      const found = arena.find(METRIC, scope, name, hashed);
      if (found !== 0) return words[(found >> 2) + TYPE] === type ? cellOf(words, found) : MISMATCH;
      const taken = words[TAKEN]!;
      const numbers = numbersOf(type);
      if (this.#scopes.count(scope) >= most || taken + numbers > this.#numbers.length) return FULL;
      arena.change();
      const entry = arena.make(METRIC, scope, name, hashed);
      if (entry !== 0) {
        words[(entry >> 2) + TYPE] = type;
        words[(entry >> 2) + NUMBER] = taken;
        arena.publish(entry);
        words[TAKEN] = taken + numbers;
        this.#scopes.add(scope, 1);
      }
      arena.changed();
      return entry === 0 ? FULL : cellOf(words, entry);
    } finally {
      if ((Atomics.exchange(arena.words, LOCK, 0) & WANTED) !== 0) Atomics.notify(arena.words, LOCK, 1);
    }
  }

  record(cell: number, value: bigint): void {
    const numbers = this.#numbers;
    const at = cell >> 2;
    switch (cell & 3) {
      case MetricType.COUNTER:
        Atomics.add(numbers, at, value);
        break;
      case MetricType.GAUGE:
        Atomics.store(numbers, at, value);
        break;
      default:
        Atomics.add(numbers, at + bucketOf(Number(value)), 1n);
        Atomics.add(numbers, at + SUM, value);
    }
  }

  increment(cell: number, offset: bigint): void {
    if ((cell & 3) !== MetricType.HISTOGRAM) Atomics.add(this.#numbers, cell >> 2, offset);
  }

  value(cell: number): bigint {
    return (cell & 3) === MetricType.HISTOGRAM ? 0n : Atomics.load(this.#numbers, cell >> 2);
  }

  /** All metrics of all threads. It takes no lock: entries never go. */
  *[Symbol.iterator](): Generator<GuestMetric> {
    const { arena } = this;
    for (const entry of arena.entries()) {
      if (arena.kind(entry) !== METRIC) continue;
      const head = {
        filter: Buffer.from(arena.name(arena.owner(entry)), 'latin1').toString(),
        name: arena.name(entry),
      };
      const type = arena.words[(entry >> 2) + TYPE]! as MetricType;
      const at = arena.words[(entry >> 2) + NUMBER]!;
      if (type !== MetricType.HISTOGRAM) {
        yield { ...head, type, value: Atomics.load(this.#numbers, at) };
        continue;
      }
      const buckets = Array.from({ length: SUM }, (_, i) => Atomics.load(this.#numbers, at + i));
      const count = buckets.reduce((all, bucket) => all + bucket);
      yield { ...head, type, buckets, sum: Atomics.load(this.#numbers, at + SUM), count };
    }
  }

  get #maker(): Threads {
    if (this.#threads === undefined) throw new Error('only the thread that made the metrics does that');
    return this.#threads;
  }

  #restore(entries: Iterable<number>, visit: (block: number) => void): void {
    const { arena } = this;
    this.#scopes.forget();
    let taken = 0;
    for (const entry of entries) {
      visit(entry);
      const metric = arena.kind(entry) === METRIC;
      this.#scopes.restore(metric ? arena.owner(entry) : entry, metric ? 1 : 0);
      if (!metric) continue;
      const type = arena.words[(entry >> 2) + TYPE]! as MetricType;
      taken = Math.max(taken, arena.words[(entry >> 2) + NUMBER]! + numbersOf(type));
    }
    this.#scopes.settle();
    arena.words[TAKEN] = taken;
  }
}

const numbersOf = (type: MetricType) => (type === MetricType.HISTOGRAM ? HISTOGRAM_NUMBERS : 1);

/** The type is in it, so that no thread has to look it up: number << 2 | type. */
const cellOf = (words: Int32Array, entry: number) =>
  (words[(entry >> 2) + NUMBER]! << 2) | words[(entry >> 2) + TYPE]!;

function bucketOf(value: number): number {
  let bucket = 0;
  while (bucket < BUCKETS.length && value > BUCKETS[bucket]!) bucket++;
  return bucket;
}
