import type { ModuleReport } from '../plugin/inspect.ts';

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

/** The report of `weir inspect` for a person. Ends with a line feed. */
export function moduleText(file: string, report: ModuleReport): string {
  const lines = [`${file}: ${headline(report)}`, ''];
  const facts: [string, string][] = [];
  if (report.memory !== null) facts.push(['Memory', memoryText(report.memory)]);
  const built = Object.entries(report.producers).map(([name, value]) => `${name} ${value}`.trim());
  if (built.length > 0) facts.push(['Built with', built.join(', ')]);
  if (report.kind === 'core') facts.push(['Callbacks', report.callbacks.toSorted().join(', ') || 'none']);
  if (report.kind === 'core') {
    facts.push(['Bodies', report.mayChangeBody ? 'may change them' : 'cannot change them: no import for it']);
  }
  if (report.customSections.length > 0) {
    const sections = report.customSections.map(({ name, size }) => `${name} (${bytesText(size)})`);
    facts.push(['Custom', sections.join(', ')]);
  }
  lines.push(...table(facts));

  const imports = (status: string) => report.imports.filter(each => each.status === status);
  block(lines, 'May call', grouped(imports('implemented')));
  block(lines, 'Answered with UNIMPLEMENTED here', grouped(imports('unimplemented')));
  block(lines, 'Unknown, so Weir refuses the module', grouped(imports('unknown')));
  if (report.refusal !== '') block(lines, 'Weir refuses the module', table([['', report.refusal]]));
  if (report.exports.length > 0 && report.abi === null) {
    const names = report.exports.map(({ name }) => name).join(', ');
    block(lines, 'Exports', table([['', names]]));
  }
  return `${lines.join('\n')}\n`;
}

function headline(report: ModuleReport): string {
  const language = languageOf(report);
  const size = bytesText(report.size);
  if (report.kind === 'component') return `component, ${language}${size}`;
  const abi = report.abi === null ? 'no Proxy-Wasm ABI: not a filter' : `Proxy-Wasm ABI ${report.abi}`;
  return `${abi}, ${language}${size}`;
}

/** `Rust, ` or nothing. Some toolchains leave the language out and name only their compiler. */
function languageOf({ language, producers }: ModuleReport): string {
  const compiler = producers['processed-by'] ?? '';
  const known = language === '' && compiler.startsWith('rustc') ? 'Rust' : language;
  return known === '' ? '' : `${known}, `;
}

function memoryText({ initialBytes, maximumBytes }: NonNullable<ModuleReport['memory']>): string {
  const most = maximumBytes === null ? 'no maximum of its own' : `at most ${bytesText(maximumBytes)}`;
  return `${bytesText(initialBytes)} at start, ${most}`;
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

function block(lines: string[], title: string, body: readonly string[]): void {
  if (body.length > 0) lines.push('', title, ...body);
}

/** Two aligned columns; long texts wrap at 100 columns under their own. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([key]) => key.length));
  return rows.flatMap(([key, value]) =>
    wrap(value, Math.max(40, 100 - width - 4)).map((text, index) =>
      `  ${(index === 0 ? key : '').padEnd(width)}  ${text}`.trimEnd(),
    ),
  );
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** `1536` is `1.5 KiB`. */
function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
