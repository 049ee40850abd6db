import { ModuleError } from '../errors.ts';
import { EVENTS } from './filter/types.ts';
import { versionOf, withoutVersion } from './interface-name.ts';
import { WEIR_FILTER, WEIR_FILTER_VERSION } from './weir-filter.ts';
import { readableName, type Wit, type WitExtern } from './wit.ts';

/** The callbacks of a filter, from all of them to the fewest. */
export type FilterInterface = 'http' | 'http-headers' | 'http-request-headers';

/** What a component is to Weir. */
export type World =
  | {
      readonly kind: 'filter';
      readonly interface: FilterInterface;
      readonly version: string;
      /** The export's whole name. */
      readonly export: string;
      /** Whole names of the exports by which it hears of more than its streams. */
      readonly events: readonly string[];
    }
  /** It answers requests, by WASI HTTP. */
  | { readonly kind: 'http'; readonly version: string; readonly export: string };

const CALLBACKS: readonly FilterInterface[] = ['http', 'http-headers', 'http-request-headers'];
const HANDLER = 'wasi:http/incoming-handler';

/**
 * What kind of filter a component is. One that exports callbacks and a handler is a filter.
 * @throws ModuleError MODULE_NO_ABI: of another world; MODULE_WIT: of another version of one, or with other types;
 *   MODULE_IMPORT_UNKNOWN: it asks for more of weir:filter than there is
 */
export function worldOf(wit: Wit): World {
  checkVersions(wit);
  const callbacks = wit.exports.filter(each =>
    CALLBACKS.some(name => withoutVersion(each.name) === `weir:filter/${name}`),
  );
  const [first, second] = callbacks;
  if (first !== undefined && second !== undefined) {
    throw fault(
      `the component exports ${first.name} and ${second.name}: Weir calls one (export only one of them)`,
    );
  }
  if (first !== undefined) {
    checkExport(first);
    const name = withoutVersion(first.name).slice('weir:filter/'.length) as FilterInterface;
    const events = wit.exports.filter(isEvents);
    for (const each of events) checkExport(each);
    const names = events.map(each => each.name);
    return {
      kind: 'filter',
      interface: name,
      version: versionOf(first.name),
      export: first.name,
      events: names,
    };
  }
  const handler = wit.exports.find(each => withoutVersion(each.name) === HANDLER);
  if (handler === undefined) throw otherWorld(wit);
  const version = versionOf(handler.name);
  if (!isWasi02(handler.name)) {
    throw fault(`the component exports ${handler.name}: Weir calls ${HANDLER}@0.2 (build it for WASI 0.2)`);
  }
  return { kind: 'http', version, export: handler.name };
}

/**
 * What holds for filters and plugs: nothing of WASI 0.3, and of weir:filter only what there is.
 * @throws ModuleError MODULE_WIT, MODULE_IMPORT_UNKNOWN
 */
export function checkVersions(wit: Wit): void {
  refuseWasi03(wit);
  for (const each of [...wit.imports, ...wit.exports]) refuseOtherVersion(each);
  for (const each of wit.imports) if (isOwn(each)) checkImport(each);
}

/**
 * Imports that nobody provides.
 * @param plugged imports that plugs provide
 * @param isKnown whether Weir provides an interface of WASI 0.2
 */
export function unknownImports(
  wit: Wit,
  plugged: readonly { readonly import: string }[],
  isKnown: (name: string) => boolean,
): string[] {
  const given = new Set(plugged.map(link => link.import));
  const has = (name: string): boolean => isWasi02(name) && isKnown(name);
  return wit.imports
    .filter(each => !(each.kind === 'type' || given.has(each.name) || isOwn(each) || has(each.name)))
    .map(({ name }) => name);
}

/** @throws ModuleError MODULE_IMPORT_UNKNOWN: one line with the imports that nobody provides. */
export function refuseUnknownImports(who: string, unknown: readonly string[]): void {
  if (unknown.length === 0) return;
  const remedy = 'name components that export them in plugs';
  throw new ModuleError(
    'MODULE_IMPORT_UNKNOWN',
    `${who} imports what Weir does not have: ${unknown.join(', ')} (${remedy})`,
  );
}

/** Whether it is an interface of a release of WASI 0.2. */
export function isWasi02(name: string): boolean {
  return name.startsWith('wasi:') && /^0\.2\.[0-9]+$/.test(versionOf(name));
}

/** Whether it is an interface of WASI 0.3, candidates for it included: nobody can provide it. */
export function isWasi03(name: string): boolean {
  return /^wasi:[^@]*@0\.3\./.test(name);
}

function isEvents({ name }: { readonly name: string }): boolean {
  return isOwn({ name }) && Object.hasOwn(EVENTS, withoutVersion(name).slice('weir:filter/'.length));
}

function isOwn({ name }: { readonly name: string }): boolean {
  return name.startsWith('weir:filter/');
}

function refuseWasi03({ imports, exports }: Wit): void {
  const newer = (list: readonly WitExtern[]): string[] => list.map(({ name }) => name).filter(isWasi03);
  const [first, ...more] = [
    ...newer(exports).map(name => `exports ${name}`),
    ...newer(imports).map(name => `imports ${name}`),
  ];
  if (first === undefined) return;
  const rest = more.length === 0 ? '' : ` and ${more.length} more of that version`;
  throw fault(`the component ${first}${rest}: WASI 0.3 is not run (build it for WASI 0.2)`);
}

/** weir:filter is at 0.1: whatever begins so is a version that fits. */
function refuseOtherVersion(extern: WitExtern): void {
  const version = versionOf(extern.name);
  if (!isOwn(extern) || /^0\.1\.[0-9]+$/.test(version)) return;
  throw fault(
    `the component has ${extern.name}, Weir has weir:filter@${WEIR_FILTER_VERSION} (build it with filters/wit of this Weir)`,
  );
}

function checkImport({ name, items }: WitExtern): void {
  const known = WEIR_FILTER[withoutVersion(name)];
  if (known === undefined) {
    throw unknown(`the component imports ${name}, which weir:filter@${WEIR_FILTER_VERSION} does not have`);
  }
  for (const [label, { kind, shape, text }] of items) {
    if (kind !== 'func') continue;
    const own = Object.hasOwn(known, label) ? known[label] : undefined;
    if (own === undefined) {
      throw unknown(
        `the component imports ${readableName(label)} of ${name}, which weir:filter@${WEIR_FILTER_VERSION} does not have`,
      );
    }
    if (own.shape !== shape) {
      throw fault(
        `the component imports ${readableName(label)} of ${name} as ${text}; Weir has ${own.text} (build it with filters/wit of this Weir)`,
      );
    }
  }
}

function checkExport({ name, items }: WitExtern): void {
  for (const [label, own] of Object.entries(WEIR_FILTER[withoutVersion(name)] ?? {})) {
    const item = items.get(label);
    if (item?.shape === own.shape) continue;
    const found = item === undefined ? 'is missing' : `is ${item.text}`;
    throw fault(
      `the component exports ${name}, in which ${readableName(label)} ${found}; Weir calls ${own.text} (build it with filters/wit of this Weir)`,
    );
  }
}

/** Whether a component exports what could be plugged into a filter. */
export function isPlug({ exports }: Wit): boolean {
  return exports.some(({ name }) => !/^(wasi|weir):/.test(name));
}

function otherWorld(wit: Wit): ModuleError {
  const names = wit.exports.map(({ name }) => name);
  const plug = isPlug(wit) ? '; what a filter imports is named in its plugs' : '';
  const what = names.length === 0 ? 'exports nothing' : `exports ${names.join(', ')}`;
  const isCommand = names.some(name => name.startsWith('wasi:cli/run'));
  const kind = isCommand ? 'a command, and of another world' : 'of another world';
  const filters = CALLBACKS.map(name => `weir:filter/${name}@${WEIR_FILTER_VERSION}`);
  return new ModuleError(
    'MODULE_NO_ABI',
    `the component is ${kind}: it ${what} (a filter exports one of ${filters.join(', ')}, or ${HANDLER}@0.2${plug})`,
  );
}

function unknown(message: string): ModuleError {
  return new ModuleError('MODULE_IMPORT_UNKNOWN', `${message} (a newer Weir may)`);
}

function fault(message: string): ModuleError {
  return new ModuleError('MODULE_WIT', message);
}
