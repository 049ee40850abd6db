import type { DryRun, Outcome } from '../runtime/dry-run.ts';
import type { FilterReport } from '../runtime/filter-report.ts';
import { bodiesText } from './cost-text.ts';
import { bytesText, columns, microsText, table, timeText } from './text.ts';

const HEADS = ['filter', 'kind', 'code', 'memory', 'called with', 'start', 'a request'];
const CALLED_WITH = 4;

const DRY_RUN = [
  'a request: time in the filter alone, median of a dry run in memory (GET /, or POST / with 1 KiB each',
  'way where it looks at bodies; nothing is sent). Another machine, another request: another time.',
];

/** The table of `weir check`, and what there is to say of single filters. Ends with a line feed. */
export function checkText(
  reports: readonly FilterReport[],
  logged: (filter: string, message: string) => readonly string[],
): string {
  const rows = reports.map(report => [
    report.name,
    report.kind,
    bytesText(report.code.size),
    `${bytesText(report.memory.now)} of ${bytesText(report.memory.limit)}`,
    phasesText(report),
    timeText(report.loadMillis + report.startMillis),
    report.dryRun?.medianMicros == null ? '-' : microsText(report.dryRun.medianMicros),
  ]);
  const notes = reports.flatMap(report => notesOf(report, logged).map(note => [report.name, note] as const));
  const lines = [...columns([HEADS, ...rows], CALLED_WITH), ''];
  if (notes.length > 0) lines.push(...table(notes), '');
  if (reports.some(({ dryRun }) => dryRun?.medianMicros != null)) lines.push(...DRY_RUN, '');
  return `${lines.join('\n')}`;
}

const NAMES = ['headers', 'body', 'trailers'] as const;

/** `headers both ways`, `request headers, body`, … */
function phasesText({ phases, tcp }: FilterReport): string {
  if (phases === null) return 'the whole stream';
  const request = [phases.requestHeaders, phases.requestBody, phases.requestTrailers];
  const response = [phases.responseHeaders, phases.responseBody, phases.responseTrailers];
  const list = (which: readonly boolean[]) => NAMES.filter((_, i) => which[i]).join(', ');
  if (list(request) === '' && list(response) === '') return tcp ? 'TCP streams' : 'nothing';
  if (list(request) === list(response)) return `${list(request)} both ways`;
  const parts = [['request', list(request)] as const, ['response', list(response)] as const];
  return parts.flatMap(([name, names]) => (names === '' ? [] : [`${name} ${names}`])).join('; ');
}

function notesOf(
  { name, kind, memory, phases, bufferedBody, isolation, dryRun, reachesOut }: FilterReport,
  logged: (filter: string, message: string) => readonly string[],
): string[] {
  const notes: string[] = [];
  if (kind === 'handler') notes.push('no dry run: a wasi:http handler may send requests of its own');
  if (reachesOut) notes.push('no dry run: it may write into directories or call others (capabilities)');
  if (isolation === 'request') notes.push('memory is of one VM: each request has one (isolation: request)');
  if (phases !== null && (phases.requestBody || phases.responseBody))
    notes.push(`bodies ${bodiesText(phases, bufferedBody)}`);
  if (dryRun === null) return notes;
  if (memory.now > memory.started && memory.now >= memory.limit)
    notes.push('dry run: its memory grew to limits.memory, and may be at its end');
  const text = dryText(dryRun);
  if (text === '') return notes;
  const fails = dryRun.kind === 'fails' || dryRun.changed?.kind === 'fails';
  const lines = fails ? [...new Set(logged(name, text))].map(line => `it logged: ${line}`) : [];
  return [...notes, `dry run: ${text}`, ...lines];
}

/** What is to be said of a dry run; empty: it went as it should. */
function dryText(dryRun: DryRun): string {
  const { changed } = dryRun;
  const timed = dryRun.kind === 'answers' ? ', which is what was timed' : '';
  const texts = dryRun.kind === 'passes' ? [] : [outcomeText(dryRun) + timed];
  if (changed !== null) texts.push(`after ${changed.after} requests it ${outcomeText(changed)}`);
  return texts.join('; ');
}

function outcomeText({ kind, details }: Outcome): string {
  if (kind === 'passes') return 'lets the request pass';
  if (kind === 'answers') return `answers itself (${details})`;
  if (kind === 'closes') return 'closes the stream';
  if (kind === 'pauses') return `pauses the ${details}, and nothing resumes it`;
  return `fails: ${details}`;
}
