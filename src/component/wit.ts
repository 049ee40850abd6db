import { identify } from '../engine/identify.ts';
import { ModuleError } from '../errors.ts';
import { withoutVersion } from './interface-name.ts';
import { readComponent } from './wit-component.ts';
import { multiplies } from './wit-lists.ts';
import type { Entity, Instance } from './wit-scope.ts';
import { Type } from './wit-type.ts';

/** A function or type in its normal form. */
export interface WitItem {
  readonly kind: 'func' | 'type' | 'resource';
  /** As WIT has it, on one line: `func(token: string) -> result<user, error>`, `record { id: u32 }`. */
  readonly text: string;
  /** Equal for items that fit each other: names of types don't count, their structure does, resources by name. */
  readonly shape: string;
  /** Keys of `Wit.types`: types that the text names. */
  readonly uses: readonly string[];
  /** Of a function: what it takes or gives can be far larger than the memory it comes from. */
  readonly multiplies: boolean;
}

/** One import or export. */
export interface WitExtern {
  /** `namespace:package/interface@version`, or a plain name. */
  readonly name: string;
  /** `type` is one of values: nobody has to provide it. */
  readonly kind: 'interface' | 'func' | 'type' | 'other';
  /** Of an interface, by the names that the binary has (`[method]session.check`); of a function itself, by its name. */
  readonly items: ReadonlyMap<string, WitItem>;
}

/** The world of a component. */
export interface Wit {
  readonly imports: readonly WitExtern[];
  readonly exports: readonly WitExtern[];
  /** Named types by `interface.type`, without version: of the interface that defines them, however many use them. */
  readonly types: ReadonlyMap<string, WitItem>;
}

/**
 * Reads the world of a component from its bytes: jco's and wasm-tools' text has the names of interfaces, but not what
 * is in those of other packages.
 * @throws ModuleError MODULE_NOT_WASM, MODULE_MALFORMED, MODULE_UNSUPPORTED, MODULE_LIMIT
 */
export function witOf(bytes: Uint8Array): Wit {
  if (identify(bytes) !== 'component') {
    throw new ModuleError('MODULE_UNSUPPORTED', 'this is a core module, where a component was expected');
  }
  const scope = readComponent(bytes);
  const { imports, exports } = scope;
  const named = new Set<Entity>();
  // Imports come first: what is exported may use their types.
  for (const [name, entity] of [...imports, ...exports]) {
    if (!named.has(entity)) giveNames(name, entity);
    named.add(entity);
    // One instance's type can be that of many imports.
    if (entity.sort === 'instance') {
      scope.count(entity.exports.size);
      scope.countFunctions([...entity.exports.values()].filter(({ sort }) => sort === 'func').length);
    } else if (entity.sort === 'func') scope.countFunctions(1);
  }
  const types = new Map<string, WitItem>();
  const extern = ([name, entity]: [string, Entity]): WitExtern => {
    if (entity.sort === 'instance') return { name, kind: 'interface', items: items(name, entity, types) };
    if (entity.sort === 'type' && entity.type instanceof Type && entity.type.head !== 'resource') {
      return { name, kind: 'type', items: new Map([[name, definition(entity.type, types)]]) };
    }
    if (entity.sort !== 'func') return { name, kind: 'other', items: new Map() };
    return { name, kind: 'func', items: new Map([[name, func(name, entity.type, types)]]) };
  };
  return { imports: [...imports].map(extern), exports: [...exports].map(extern), types };
}

/** `session.check` of `[method]session.check`. */
export function readableName(name: string): string {
  return name.replace(/^\[(method|static|constructor|async method|async static|async)\]/, '');
}

function giveNames(name: string, entity: Entity): void {
  const named = entity.sort === 'instance' ? entity.exports : new Map([[name, entity]]);
  for (const [label, each] of named) {
    if (each.sort !== 'type' || !(each.type instanceof Type) || each.type.name !== '') continue;
    each.type.name = label;
    each.type.home = entity.sort === 'instance' ? withoutVersion(name) : '';
  }
}

function items(name: string, { exports }: Instance, types: Map<string, WitItem>): Map<string, WitItem> {
  const found = new Map<string, WitItem>();
  for (const [label, entity] of exports) {
    if (entity.sort === 'func') found.set(label, func(label, entity.type, types));
    if (entity.sort !== 'type' || !(entity.type instanceof Type)) continue;
    const item = definition(entity.type, types);
    const isOwn = entity.type.home === withoutVersion(name) && entity.type.name === label;
    found.set(label, isOwn ? item : { ...item, text: `use ${keyOf(entity.type)}` });
  }
  return found;
}

function func(label: string, type: Type, types: Map<string, WitItem>): WitItem {
  const { shape, parts } = type;
  const isMethod = /^\[(async )?method\]/.test(label);
  const prefix = /^\[(async )?static\]/.test(label) ? 'static ' : '';
  const plain = type.definition(isMethod ? parts.slice(1) : parts);
  const text = label.startsWith('[constructor]')
    ? plain.replace(/^func/, 'constructor').replace(/ -> .*$/s, '')
    : `${prefix}${plain}`;
  return { kind: 'func', text, shape, uses: uses(type, types), multiplies: multiplies(type) };
}

function definition(type: Type, types: Map<string, WitItem>): WitItem {
  const kind = type.head === 'resource' ? 'resource' : 'type';
  return { kind, text: type.definition(), shape: type.shape, uses: uses(type, types), multiplies: false };
}

/** The keys of what the type names; the types themselves are put among all. */
function uses(type: Type, types: Map<string, WitItem>): string[] {
  return type.named.map(named => {
    const key = keyOf(named);
    if (!types.has(key)) types.set(key, definition(named, types));
    return key;
  });
}

function keyOf({ home, name }: Type): string {
  return home === '' ? name : `${home}.${name}`;
}
