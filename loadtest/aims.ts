import type { Aim, GroupResult } from '../src/bench/types.ts';

function aim(what: string, value: number | undefined, most: number, unit: string): Aim[] {
  if (value === undefined || Number.isNaN(value)) return [];
  return [{ what, value, most, unit, reached: value <= most }];
}

/** What was wished for, as far as these groups tell. */
export async function aimsOf(
  groups: readonly GroupResult[],
  quick: boolean,
  _show: (text: string) => void,
): Promise<Aim[]> {
  const found = (group: string, name: string) =>
    groups.find(each => each.name === group)?.cases.find(each => each.name === name);
  const cpu = (group: string, name: string) => found(group, name)?.ratios.cpu.median;
  const forwarder = (name: string) => cpu('forwarders', name);
  const none = forwarder('weir, no filter');
  const alone = forwarder('http-proxy alone');
  const cost = (length: number) => {
    const each = found('kinds', `${length} x Rust module (add-header)`)?.cost;
    return each?.micros ? each.micros.median * length : undefined;
  };
  const passing = (way: string, size: string) =>
    cpu('bodies', `${way} ${size}, pass-through, 1 Rust header filter`);
  const rewriting = found('bodies', 'download 1 MiB, rewrite')?.ratios.rate.median;
  const past = found('bodies', 'download 1 MiB, pass-through, 1 Rust header filter')?.ratios.rate.median;
  if (quick) return [];
  return [
    ...aim('no filter, CPU, of the bare undici forwarder', none, 1.1, 'x'),
    ...aim(
      'no filter, CPU, of http-proxy alone',
      none === undefined || alone === undefined ? undefined : none / alone,
      0.65,
      'x',
    ),
    ...aim('one Rust header filter', cost(1), 2, ' µs'),
    ...aim('ten Rust header filters', cost(10), 20, ' µs'),
    ...aim(
      'download of 1 MiB past a header filter, CPU, of no filter',
      passing('download', '1 MiB'),
      1.03,
      'x',
    ),
    ...aim('upload of 1 MiB past a header filter, CPU, of no filter', passing('upload', '1 MiB'), 1.03, 'x'),
    ...aim(
      '1 MiB past a filter, in the time of the same rewritten',
      past === undefined || rewriting === undefined ? undefined : past / rewriting,
      1 / 0.6,
      'x',
    ),
    ...aim(
      '1,000 filters, 32 kept, p99',
      found('many-filters', '1,000 filters, 32 kept')?.latency?.p99,
      20,
      ' ms',
    ),
  ];
}
