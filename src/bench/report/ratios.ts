import type { CaseResult, Report } from '../types.ts';

/** Units of aims that mean the same on every machine. */
const RELATIVE: readonly string[] = ['', '×', 'x', '%'];

/**
 * What holds on other machines, too: ratios and shares. Figures of this machine are left out, and what would give them
 * away: how many requests there were, the microseconds of a cost, aims in units of time.
 */
export function ratiosOnly(report: Report): Report {
  return {
    ...report,
    date: '',
    groups: report.groups.map(group => ({ ...group, cases: group.cases.map(ratiosOf) })),
    aims: report.aims.filter(({ unit }) => RELATIVE.includes(unit.trim())),
  };
}

function ratiosOf(result: CaseResult): CaseResult {
  const { cost } = result;
  return {
    ...result,
    requests: null,
    rate: null,
    cpu: null,
    latency: null,
    peakMemory: null,
    cost: cost === null ? null : { ...cost, micros: null },
  };
}
