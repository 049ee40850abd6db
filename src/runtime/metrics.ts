import type { Metric } from 'prom-client';
import { guestFamilies, type Line } from './guest-metrics.ts';
import { FAMILIES, type Family, type FamilyName, type Reading, type Sample, sum } from './reading.ts';
import type { GuestMetric } from './store/metrics.ts';

/**
 * Weir's own metrics, in the text format of Prometheus. The hot path counts in plain numbers; they are read only when
 * somebody asks, and prom-client is loaded only then.
 */
export class Metrics {
  readonly #read: () => Promise<readonly Reading[]>;
  readonly #guests: Iterable<GuestMetric>;

  /** `read`: what each part and thread has to say, now. `guests`: what filters have defined. */
  constructor(read: () => Promise<readonly Reading[]>, guests: Iterable<GuestMetric>) {
    this.#read = read;
    this.#guests = guests;
  }

  /** All metrics now, those of several threads in sum. */
  async text(): Promise<string> {
    // CommonJS, made of getters: what Node can see of its names depends on its version.
    const [{ default: prom }, readings] = await Promise.all([import('prom-client'), this.#read()]);
    const all = sum(readings);
    const registry = new prom.Registry();
    for (const [name, family] of Object.entries(FAMILIES) as [FamilyName, Family][]) {
      const get = () => ({
        name: `weir_${name}`,
        help: family.help,
        type: family.type,
        values: linesOf(`weir_${name}`, family, all[name] ?? []),
      });
      // All that it asks of a metric is what it is at the moment.
      registry.registerMetric({ name: `weir_${name}`, get } as unknown as Metric);
    }
    for (const { name, type, lines } of guestFamilies(this.#guests)) {
      const help = 'Defined by filters.';
      registry.registerMetric({
        name,
        get: () => ({ name, help, type, values: lines }),
      } as unknown as Metric);
    }
    return registry.metrics();
  }
}

/** One after the other: of a thousand filters all at once are a hundred megabytes. */
function* linesOf(
  metricName: string,
  { labels: names, bounds = [] }: Family,
  samples: readonly Sample[],
): Generator<Line> {
  for (const [texts, value] of samples) {
    const labels = Object.fromEntries(names.map((name, i) => [name, texts[i]!]));
    if (typeof value === 'number') yield { metricName, labels, value };
    else yield* histogram(metricName, labels, bounds, value);
  }
}

/** Prometheus counts in each range those of the ranges below, too, and in seconds. Nothing, where nothing was seen. */
function* histogram(
  name: string,
  labels: Line['labels'],
  bounds: readonly number[],
  cells: Float64Array,
): Generator<Line> {
  let all = 0;
  for (let i = 0; i <= bounds.length; i++) all += cells[i]!;
  if (all === 0) return;
  let count = 0;
  for (const [i, bound] of bounds.entries()) {
    count += cells[i]!;
    yield { metricName: `${name}_bucket`, labels: { ...labels, le: bound / 1000 }, value: count };
  }
  yield { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: all };
  yield { metricName: `${name}_sum`, labels, value: cells[bounds.length + 1]! / 1000 };
  yield { metricName: `${name}_count`, labels, value: all };
}
