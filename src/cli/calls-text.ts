import type { ModuleReport } from '../plugin/inspect.ts';
import { block, table } from './text.ts';

const CREATE = /\.create-http-context$/;

/** What is called when, by what callbacks are called, those of the ABI and of components; the first that fits wins. */
const RULES: readonly (readonly [RegExp, string])[] = [
  [/memory_allocate$/, 'To hand it data'],
  [/(vm[_-]start|[_-]configure)$/, 'At the start'],
  [CREATE, 'Each request'],
  [/^plugin/, 'At the end'],
  [/[_-]body$/, 'Each piece of a body'],
  [/(^|[_-])(tick|queue[_-]ready|foreign[_-]function)$|http[_-]call|grpc/, 'On their own'],
  [/new_connection|(down|up)stream_/, 'TCP connections'],
  [/[_-]trailers$/, 'Trailers'],
];
/** In the order of a table. */
const ORDER = [
  'At the start',
  'To hand it data',
  'Each request',
  'Each piece of a body',
  'Trailers',
  'At the end',
  'TCP connections',
  'On their own',
];
/** The order in which they are called. */
const SEQUENCE = [
  'create',
  'request-headers',
  'response-headers',
  'request',
  'response',
  'done',
  'log',
  'delete',
];

function whenOf(name: string): string {
  return RULES.find(([rule]) => rule.test(name))?.[1] ?? 'Each request';
}

/** When it is called, by the callbacks that it exports. */
export function callsBlock(lines: string[], { callbacks, component, phases }: ModuleReport): void {
  // Callbacks of components have other names when they make something.
  const creates = component?.exports.flatMap(({ functions }) => functions.filter(f => CREATE.test(f))) ?? [];
  const names = [...(callbacks.length === 0 ? [] : creates), ...callbacks];
  const groups = Map.groupBy(
    names.map(each => each.replace('-context.', '.')),
    whenOf,
  );
  const rows = ORDER.flatMap((when): [string, string][] => {
    const group = groups.get(when)?.toSorted((a, b) => place(a) - place(b));
    if (group === undefined) return [];
    const calls = when === 'Each request' ? `${group.length} call${group.length === 1 ? '' : 's'}: ` : '';
    return [[when, calls + group.join(', ')]];
  });
  block(lines, 'Calls into the guest', table(rows));
  if (phases !== null && exportsAll(callbacks)) block(lines, 'Hint', table([['', HINT]]));
}

function place(name: string): number {
  const found = SEQUENCE.findIndex(each => name.replaceAll('_', '-').includes(each));
  return found < 0 ? SEQUENCE.length : found;
}

const HTTP_CALLBACKS = [
  'context_create',
  'request_headers',
  'request_body',
  'request_trailers',
  'response_headers',
  'response_body',
  'response_trailers',
  'done',
  'log',
  'delete',
];

const HINT =
  'It exports every callback of a stream, as SDKs for Rust and Go do on their own: each is called, and bodies go through the guest. Take those away that do nothing (filters/README.md, Building: filters/build/wasm.ts does it)';

function exportsAll(callbacks: readonly string[]): boolean {
  return HTTP_CALLBACKS.every(name => callbacks.includes(`proxy_on_${name}`));
}
