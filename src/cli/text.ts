import type { ModuleReport } from '../plugin/inspect.ts';

/** What a module's memory may take. */
export function memoryText({ initialBytes, maximumBytes }: NonNullable<ModuleReport['memory']>): string {
  const most = maximumBytes === null ? 'no maximum of its own' : `at most ${bytesText(maximumBytes)}`;
  return `${bytesText(initialBytes)} at start, ${most}`;
}

/** Lines under a title, after an empty one; none without any. */
export function block(lines: string[], title: string, body: readonly string[]): void {
  if (body.length > 0) lines.push('', title, ...body);
}

/** Two aligned columns; long texts wrap at 100 columns under their own. */
export function table(rows: readonly (readonly [string, string])[]): string[] {
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
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
