import type { CaseResult, GroupResult, Report, Stat } from '../types.ts';
import { isBase } from './columns.ts';

export { comparisonText } from './compare-text.ts';

/** A case of a group. */
export interface Place {
  readonly group: string;
  readonly name: string;
}

/** A figure of a case then and now. */
export interface Change extends Place {
  /** CPU to the base's, or what a filter costs as a share of a request without one. */
  readonly measure: 'cpu' | 'cost';
  readonly was: Stat;
  readonly now: Stat;
  /** Now to then; null where it was nothing, within its noise. */
  readonly ratio: number | null;
}

/** A case that failed requests now. */
export interface Failing extends Place {
  readonly was: number;
  readonly now: number;
  readonly error: string;
}

export interface Comparison {
  readonly threshold: number;
  /** Worse by more than the threshold, and by more than the noise. */
  readonly slower: readonly Change[];
  readonly faster: readonly Change[];
  readonly same: readonly Change[];
  readonly failing: readonly Failing[];
  /** In the new report only; a group that is new as a whole has no name of a case. */
  readonly added: readonly Place[];
  /** In the old report only; likewise. */
  readonly removed: readonly Place[];
  /** Why figures may differ though nothing got slower: other settings, other bases. */
  readonly notes: readonly string[];
}

interface Draft {
  readonly threshold: number;
  readonly slower: Change[];
  readonly faster: Change[];
  readonly same: Change[];
  readonly failing: Failing[];
  readonly added: Place[];
  readonly removed: Place[];
  readonly notes: string[];
}

/**
 * What got slower or faster between two reports, by ratios only: they may be from different machines. A figure is
 * slower when its median is worse by more than the threshold (0.1 is 10 %) and the intervals don't overlap, so that
 * noise fails no build; faster is the same the other way round. A base is compared by its errors only.
 */
export function compare(old: Report, now: Report, threshold: number): Comparison {
  const draft: Draft = {
    threshold,
    slower: [],
    faster: [],
    same: [],
    failing: [],
    added: [],
    removed: [],
    notes: settings(old, now),
  };
  for (const group of now.groups) {
    const before = old.groups.find(({ name }) => name === group.name);
    if (before === undefined) draft.added.push({ group: group.name, name: '' });
    compareGroup(draft, before, group);
  }
  for (const group of old.groups) {
    const after = now.groups.find(({ name }) => name === group.name);
    if (after === undefined) draft.removed.push({ group: group.name, name: '' });
    else draft.removed.push(...missing(group, after));
  }
  return draft;
}

function missing(group: GroupResult, other: GroupResult): Place[] {
  return group.cases
    .filter(({ name }) => !other.cases.some(each => each.name === name))
    .map(({ name }) => ({ group: group.name, name }));
}

function settings(old: Report, now: Report): string[] {
  const pairs: readonly (readonly [string, string | number, string | number])[] = [
    ['Node', old.machine.node, now.machine.node],
    ['platform', old.machine.platform, now.machine.platform],
    ['CPUs', old.machine.cpus, now.machine.cpus],
    ['connections', old.connections, now.connections],
    ['rounds', old.rounds, now.rounds],
    ['seconds of a slice', old.slice, now.slice],
  ];
  return pairs
    .filter(([, before, after]) => before !== after)
    .map(([what, before, after]) => `${what}: ${before} before, ${after} now`);
}

function compareGroup(draft: Draft, old: GroupResult | undefined, now: GroupResult): void {
  if (old !== undefined) {
    if (old.title !== now.title) draft.notes.push(`${now.name}: ${old.title} before, ${now.title} now`);
    draft.added.push(...missing(now, old));
    if (old.fixedRate !== now.fixedRate) {
      draft.notes.push(`${now.name}: ${rateText(old.fixedRate)} before, ${rateText(now.fixedRate)} now`);
    }
  }
  for (const result of now.cases) {
    const before = old?.cases.find(({ name }) => name === result.name);
    const place: Place = { group: now.name, name: result.name };
    if (result.errors > 0) {
      draft.failing.push({ ...place, was: before?.errors ?? 0, now: result.errors, error: result.error });
    }
    if (before !== undefined) compareCase(draft, place, before, result);
  }
}

function rateText(rate: number): string {
  return rate > 0 ? `${rate} per second` : 'as many as go';
}

function compareCase(draft: Draft, place: Place, old: CaseResult, now: CaseResult): void {
  if (old.base !== now.base) {
    draft.notes.push(
      `${place.group}: ${place.name}: not compared: its base was ${old.base}, now ${now.base}`,
    );
    return;
  }
  if (isBase(now)) return;
  const pairs: (readonly [Change['measure'], Stat, Stat])[] = [['cpu', old.ratios.cpu, now.ratios.cpu]];
  if (old.cost !== null && now.cost !== null) pairs.push(['cost', old.cost.share, now.cost.share]);
  for (const [measure, was, is] of pairs) {
    const change: Change = { ...place, measure, was, now: is, ratio: ratioOf(was, is) };
    if (worse(was, is, draft.threshold)) draft.slower.push(change);
    // An answer that failed is a quick one.
    else if (worse(is, was, draft.threshold) && now.errors === 0) draft.faster.push(change);
    else draft.same.push(change);
  }
}

/** What is nothing, within its noise, may become anything. */
function worse(from: Stat, to: Stat, threshold: number): boolean {
  return to.median > Math.max(0, from.median) * (1 + threshold) && to.low > from.high;
}

function ratioOf(was: Stat, now: Stat): number | null {
  return was.median > 0 && Number.isFinite(now.median) ? now.median / was.median : null;
}
