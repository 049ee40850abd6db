import * as z from 'zod';
import { formatIssue, WeirError } from '../../errors.ts';
import type { Report } from '../types.ts';
import { clean, shorten } from './numbers.ts';

const amount = z.number().min(0);
const stat = z.object({ median: z.number(), low: z.number(), high: z.number() });

const latency = z.object({
  p50: amount,
  p90: amount,
  p99: amount,
  p999: amount,
  max: amount,
  distribution: z.array(z.tuple([z.number().min(0).max(100), amount])),
});

const caseResult = z.object({
  name: z.string(),
  series: z.string(),
  filters: z.int().min(0),
  base: z.string(),
  requests: amount.nullable(),
  errors: amount,
  error: z.string(),
  rate: stat.nullable(),
  cpu: stat.nullable(),
  latency: latency.nullable(),
  peakMemory: amount.nullable(),
  ratios: z.object({ cpu: stat, rate: stat }),
  cost: z.object({ filters: z.int().min(0), micros: stat.nullable(), share: stat }).nullable(),
});

const group = z.object({
  name: z.string(),
  title: z.string(),
  unit: z.string(),
  fixedRate: amount,
  cases: z.array(caseResult).superRefine((cases, context) => {
    const names = new Set(cases.map(({ name }) => name));
    const seen = new Set<string>();
    for (const [index, { name, base }] of cases.entries()) {
      const fault = (key: string, message: string) =>
        context.addIssue({ code: 'custom', path: [index, key], message });
      if (!names.has(base)) fault('base', `no case has the name ${quoted(base)}`);
      if (seen.has(name)) fault('name', `another case has the name ${quoted(name)}, too`);
      seen.add(name);
    }
  }),
});

const schema: z.ZodType<Report> = z.object({
  version: z.literal(1),
  title: z.string(),
  command: z.string(),
  date: z.string(),
  machine: z.object({ node: z.string(), platform: z.string(), cpus: amount }),
  rounds: amount,
  slice: amount,
  connections: amount,
  groups: z.array(group).superRefine((groups, context) => {
    const seen = new Set<string>();
    for (const [index, { name }] of groups.entries()) {
      const message = `another group has the name ${quoted(name)}, too`;
      if (seen.has(name)) context.addIssue({ code: 'custom', path: [index, 'name'], message });
      seen.add(name);
    }
  }),
  aims: z.array(
    z.object({
      what: z.string(),
      value: z.number(),
      most: z.number(),
      unit: z.string(),
      reached: z.boolean(),
    }),
  ),
});

/**
 * A report from the text of a file.
 * @throws WeirError with the file and the first fault
 */
export function parseReport(text: string, file: string): Report {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const said = shorten(clean((error as Error).message), 120);
    throw invalid(file, '', `is not JSON: ${said}`, 'name a file that --json wrote', error);
  }
  const version = z.object({ version: z.unknown() }).safeParse(value);
  if (!version.success || version.data.version === undefined) {
    throw invalid(
      file,
      '',
      'is not a report of a load test: it has no version',
      'name a file that --json wrote',
    );
  }
  if (version.data.version !== 1) {
    const found = shorten(clean(JSON.stringify(version.data.version)), 40);
    const message = `is a report of version ${found}, and this Weir reads version 1`;
    throw invalid(file, 'version', message, 'measure again with this Weir');
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue, ...others] = result.error.issues;
  const more = others.length === 0 ? '' : `, and ${others.length} more like it`;
  const path = z.core.toDotPath(issue!.path);
  throw invalid(file, path, `${said(issue!)}${more}`, 'write it with --json again');
}

function said({ message }: z.core.$ZodIssue): string {
  if (message.endsWith('received undefined')) return 'is missing';
  const text = message.replace(/^Invalid input: /, '').replace(/^Too /, 'is too ');
  return shorten(clean(text), 120);
}

function quoted(name: string): string {
  return JSON.stringify(shorten(clean(name), 60));
}

function invalid(file: string, path: string, message: string, remedy: string, cause?: unknown): WeirError {
  const text = formatIssue({ file, line: 0, column: 0, path, message, remedy });
  return new WeirError('BENCH_REPORT_INVALID', text, cause === undefined ? {} : { cause });
}
