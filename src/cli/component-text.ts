import type { ComponentReport, InterfaceReport } from '../plugin/inspect.ts';
import { memoryText } from './cost-text.ts';
import { block, bytesText, table } from './text.ts';

/** What a component is, in a few words. */
export function worldText({ world }: ComponentReport, refusal: string): string {
  if (world === null) return refusal === '' ? 'to be plugged into a filter' : 'not a filter';
  if (world.kind === 'http') return `WASI HTTP handler ${world.version}`;
  return `weir:filter/${world.interface} ${world.version}`;
}

/** Toolchains put small modules between the ones that do something. */
const SMALL = 4096;

/** The core modules it is made of. */
export function coresText(cores: ComponentReport['cores']): string {
  const told = cores.filter(({ size, memory }) => size >= SMALL || (memory?.initialBytes ?? 0) > 0);
  const texts = told.map(({ size, memory }) =>
    memory === null ? bytesText(size) : `${bytesText(size)} with memory (${memoryText(memory)})`,
  );
  const rest = cores.length - told.length;
  if (rest > 0)
    texts.push(told.length === 0 ? `${rest} of less than 4 KiB` : `${rest} more of less than 4 KiB`);
  return texts.join('; ') || 'none';
}

/** What it imports and exports, a block for each kind. */
export function componentBlocks(lines: string[], { imports, exports, world }: ComponentReport): void {
  const from = (...origins: readonly InterfaceReport['from'][]) =>
    imports.filter(each => origins.includes(each.from));
  const wasi = from('wasi');
  const known = from('weir', 'wasi');
  block(lines, 'May call', functionTable(known.filter(({ grant }) => grant === '')));
  block(
    lines,
    'Has to be granted, or Weir refuses the component',
    grants(wasi.filter(each => each.required)),
  );
  block(
    lines,
    'May call, and finds nothing unless granted',
    grants(known.filter(({ grant, required }) => grant !== '' && !required)),
  );
  block(lines, 'Has to be plugged in (plugs)', functionTable(from('plug')));
  block(lines, 'Unknown, so Weir refuses the component', functionTable(from('unknown')));
  // A filter's callbacks have been told.
  const told = world?.kind === 'filter' ? [world.export, ...world.events] : [];
  const others = exports.filter(({ name }) => !told.includes(name));
  block(lines, 'Exports', functionTable(others));
}

function functionTable(list: readonly { name: string; functions: readonly string[] }[]): string[] {
  return table(
    list
      .filter(({ functions }) => functions.length > 0)
      .map(({ name, functions }) => [name, functions.join(', ')]),
  );
}

function grants(imports: readonly InterfaceReport[]): string[] {
  return table(imports.map(({ name, grant }) => [name, grant]));
}
