import type { ModuleReport } from '../plugin/inspect.ts';
import { callsBlock } from './calls-text.ts';
import { componentBlocks, coresText, worldText } from './component-text.ts';
import { bodiesText, codeText, DEFAULTS, limitedMemoryText, loadText } from './cost-text.ts';
import { block, bytesText, table } from './text.ts';

/** Chapters of the specification by what their hostcalls are called; the first that fits wins. */
const chapters: readonly (readonly [RegExp, string])[] = [
  [/^proxy_(log|get_log_level)$/, 'Logging'],
  [/^proxy_(done|set_effective_context)$/, 'Context lifecycle'],
  [/^proxy_get_configuration$/, 'Configuration'],
  [/shared_queue$/, 'Shared queues'],
  [/shared_data$/, 'Shared data'],
  [/metric$/, 'Metrics'],
  [/tick_period/, 'Timers'],
  [/^proxy_grpc_/, 'gRPC calls'],
  [/^proxy_http_call$/, 'HTTP calls'],
  [/^proxy_(get|set)_property$/, 'Properties'],
  [/buffer/, 'Buffers and bodies'],
  [/header_map/, 'HTTP fields'],
  [/^proxy_(continue|close|send_local|clear_route|get_status)/, 'HTTP streams'],
  [/^proxy_call_foreign/, 'Foreign functions'],
  [/time/, 'Clocks'],
];

/** The report of `weir inspect` for a person; `read`: milliseconds. Ends with a line feed. */
export function moduleText(file: string, report: ModuleReport, read: number): string {
  const { memory, load, phases } = report;
  const lines = [`${file}: ${headline(report)}`, ''];
  const facts: [string, string][] = [];
  if (memory !== null) facts.push(['Memory', limitedMemoryText(memory)]);
  if (report.code.functions > 0) facts.push(['Code', codeText(report.code)]);
  if (load !== null) facts.push(['Load', loadText(load, read, report.kind)]);
  const built = Object.entries(report.producers).map(([name, value]) => `${name} ${value}`.trim());
  if (built.length > 0) facts.push(['Built with', built.join(', ')]);
  if (phases !== null) facts.push(['Bodies', bodiesText(phases, DEFAULTS.bufferedBody)]);
  if (report.component !== null) facts.push(['Core modules', coresText(report.component.cores)]);
  if (report.customSections.length > 0) {
    const sections = report.customSections.map(({ name, size }) => `${name} (${bytesText(size)})`);
    facts.push(['Custom', sections.join(', ')]);
  }
  lines.push(...table(facts));

  callsBlock(lines, report);
  if (report.component !== null) componentBlocks(lines, report.component);
  else importBlocks(lines, report);
  if (report.refusal !== '') {
    block(
      lines,
      `Weir does not run the ${report.kind === 'core' ? 'module' : 'component'}`,
      table([['', report.refusal]]),
    );
  }
  if (report.kind === 'core' && report.exports.length > 0 && report.abi === null) {
    const names = report.exports.map(({ name }) => name).join(', ');
    block(lines, 'Exports', table([['', names]]));
  }
  return `${lines.join('\n')}\n`;
}

function importBlocks(lines: string[], report: ModuleReport): void {
  const imports = (status: string) => report.imports.filter(each => each.status === status);
  block(lines, 'May call', grouped(imports('implemented')));
  block(lines, 'Unknown, so Weir refuses the module', grouped(imports('unknown')));
}

function headline(report: ModuleReport): string {
  const language = languageOf(report);
  const size = bytesText(report.size);
  if (report.component !== null)
    return `component, ${worldText(report.component, report.refusal)}, ${language}${size}`;
  if (report.abi !== null) return `Proxy-Wasm ABI ${report.abi}, ${language}${size}`;
  const what = report.isComponentCore ? 'core of a component' : 'no Proxy-Wasm ABI';
  return `${what}: not a filter, ${language}${size}`;
}

/** `Rust, ` or nothing. Some toolchains leave the language out and name only their compiler. */
function languageOf({ language, producers }: ModuleReport): string {
  const compiler = producers['processed-by'] ?? '';
  const known = language === '' && compiler.startsWith('rustc') ? 'Rust' : language;
  return known === '' ? '' : `${known}, `;
}

function grouped(imports: ModuleReport['imports']): string[] {
  const groups = new Map<string, Set<string>>();
  for (const { module, name } of imports) {
    const chapter = chapterOf(module, name);
    groups.set(chapter, (groups.get(chapter) ?? new Set()).add(name));
  }
  return table([...groups].map(([chapter, names]) => [chapter, [...names].sort().join(', ')]));
}

function chapterOf(module: string, name: string): string {
  if (module.startsWith('wasi')) return `WASI (${module})`;
  if (module !== 'env') return module;
  return chapters.find(([pattern]) => pattern.test(name))?.[1] ?? 'Other';
}
