import { shorten, width } from './numbers.ts';

/** Words in lines of at most so many columns, later lines further in. */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? indent + word : `${line} ${word}`;
    if (line !== '' && width(longer) > columns) {
      lines.push(line);
      line = `${indent}  ${word}`;
    } else line = longer;
  }
  return [...lines, line].map(each => shorten(each, columns));
}

/** Rows of equal length: the first column to the left, the others to the right, two spaces between. */
export function align(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => width(row[column]!))));
  return rows.map(row =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(widths[column]! - width(cell));
        return column === 0 ? indent + cell + space : `  ${space}${cell}`;
      })
      .join('')
      .trimEnd(),
  );
}
