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

/** Rows in aligned columns, the first row as their heads; `wide` is the column whose texts wrap at 24. */
export function columns(rows: readonly (readonly string[])[], wide: number): string[] {
  const cells = rows.map(row => row.map((text, i) => (i === wide ? wrap(text, 24) : [text])));
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...cells.map(row => Math.max(...(row[i] ?? []).map(({ length }) => length)))),
  );
  return cells.flatMap(row =>
    Array.from({ length: row[wide]?.length ?? 1 }, (_, line) =>
      row
        .map((lines, i) => (lines[line] ?? '').padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
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

/** Milliseconds: `0.25 ms`, `3.4 ms`, `120 ms`, `1.2 s`. */
export function timeText(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms >= 10 ? 0 : ms >= 1 ? 1 : 2)} ms`;
}

/** Microseconds: `4.2 µs`, `1.3 ms`. */
export function microsText(micros: number): string {
  if (micros >= 1000) return timeText(micros / 1000);
  return `${micros.toFixed(micros >= 100 ? 0 : 1)} µs`;
}
