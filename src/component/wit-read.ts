import type { Reader } from '../engine/binary.ts';
import { type Entity, malformed, Scope, unsupported } from './wit-scope.ts';
import { type Part, Type } from './wit-type.ts';

/** Value types of one byte, from 0x7f down. */
const PRIMITIVES = 'bool s8 u8 s16 u16 s32 u32 s64 u64 f32 f64 char string'
  .split(' ')
  .map(name => new Type(name));
const ERROR_CONTEXT = new Type('error-context');

/** Sorts whose first byte says that a second one follows. */
const CORE = 0;

/** Calls `read` as often as the number that comes first says. */
export function each(reader: Reader, read: () => void): void {
  for (let n = reader.u32(); n > 0; n--) read();
}

/** What no name has, and what a terminal would obey. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** A name as it stands in the bytes: messages have it, and nobody has validated it yet. */
export function nameOf(reader: Reader): string {
  const name = reader.text();
  if (UNSEEN.test(name)) throw malformed('a name has a control character in it');
  return name;
}

/** The name of an import or export, its version whole. */
export function externName(reader: Reader): string {
  const kind = reader.byte();
  let name = nameOf(reader);
  if (kind > 2) throw unsupported(`a name of kind ${kind}`);
  if (kind === 2) {
    each(reader, () => {
      const option = reader.byte();
      if (option > 1) throw unsupported(`a name's option ${option}`);
      const text = nameOf(reader);
      if (option === 1) name += text;
    });
  }
  return name;
}

/** A sort; -1 for those of core modules. */
export function sort(reader: Reader): number {
  const byte = reader.byte();
  if (byte !== CORE) return byte;
  reader.byte();
  return -1;
}

/** Binary.md: externdesc. A resource's type is a new one. */
export function externType(reader: Reader, scope: Scope): Entity {
  const kind = reader.byte();
  switch (kind) {
    case 0:
      reader.byte();
      reader.u32();
      return { sort: 'other' };
    case 1:
      return { sort: 'func', type: scope.type(reader.u32()) };
    case 3:
      if (reader.byte() === 0) return scope.entity(3, reader.u32());
      return { sort: 'type', type: new Type('resource') };
    case 4:
      reader.u32();
      return { sort: 'component', bytes: undefined, scope: undefined };
    case 5:
      return scope.instanceType(reader.u32());
    default:
      throw unsupported(`an import or export of kind ${kind}`);
  }
}

/** Binary.md: alias. */
export function alias(reader: Reader, scope: Scope): void {
  const kind = sort(reader);
  const target = reader.byte();
  const index = reader.u32();
  if (target === 2) {
    scope.add(scope.outer(index).entity(kind, reader.u32()));
    return;
  }
  if (target > 2) throw unsupported(`an alias of kind ${target}`);
  if (target === 1 || kind === -1) {
    reader.text();
    return;
  }
  const name = nameOf(reader);
  const instance = scope.entity(5, index);
  const entity = instance.sort === 'instance' ? instance.exports.get(name) : undefined;
  if (entity === undefined) throw malformed(`instance ${index} has no export ${JSON.stringify(name)}`);
  scope.add(entity);
}

/** Binary.md: type. Adds one to the scope. */
export function type(reader: Reader, scope: Scope): void {
  const head = reader.byte();
  switch (head) {
    case 0x3f:
    case 0x3e:
      reader.byte();
      optional(reader, () => reader.u32());
      if (head === 0x3e) optional(reader, () => reader.u32());
      scope.add({ sort: 'type', type: new Type('resource') });
      return;
    case 0x40:
    case 0x43: {
      const parameters = labelled(reader, scope);
      const none = reader.byte() !== 0;
      if (none && reader.byte() !== 0) throw unsupported('a function with named results');
      const result = none ? undefined : valueType(reader, scope);
      scope.add({ sort: 'type', type: new Type(head === 0x40 ? 'func' : 'async func', parameters, result) });
      return;
    }
    case 0x41:
    case 0x42: {
      const inner = new Scope(scope);
      each(reader, () => declaration(reader, inner));
      const { exports } = inner;
      const instance = { sort: 'instance', exports } as const;
      const component = { sort: 'component', bytes: undefined, scope: undefined } as const;
      scope.add({ sort: 'type', type: head === 0x42 ? instance : component });
      return;
    }
    default:
      scope.add({ sort: 'type', type: defined(head, reader, scope) });
  }
}

/** Binary.md: instancedecl and componentdecl. */
function declaration(reader: Reader, scope: Scope): void {
  const kind = reader.byte();
  if (kind === 1) type(reader, scope);
  else if (kind === 2) alias(reader, scope);
  else if (kind === 3 || kind === 4) {
    const name = externName(reader);
    const entity = externType(reader, scope);
    if (kind === 4) scope.exports.set(name, entity);
    scope.add(entity);
  } else throw unsupported(`a declaration of kind ${kind}`);
}

/** Binary.md: defvaltype. */
function defined(head: number, reader: Reader, scope: Scope): Type {
  const value = (): Type => valueType(reader, scope);
  const maybe = (label = ''): Part => ({ label, type: optional(reader, value) });
  switch (head) {
    case 0x72:
      return new Type('record', labelled(reader, scope));
    case 0x71:
      return new Type(
        'variant',
        list(reader, () => {
          const part = maybe(nameOf(reader));
          if (reader.byte() !== 0) throw unsupported('a case that refines another');
          return part;
        }),
      );
    case 0x70:
      return new Type('list', [{ label: '', type: value() }]);
    case 0x67: {
      const element = value();
      return new Type('list', [{ label: String(reader.u32()), type: element }]);
    }
    case 0x6f:
      return new Type(
        'tuple',
        list(reader, () => ({ label: '', type: value() })),
      );
    case 0x6e:
    case 0x6d:
      return new Type(
        head === 0x6e ? 'flags' : 'enum',
        list(reader, () => ({ label: nameOf(reader), type: undefined })),
      );
    case 0x6b:
      return new Type('option', [{ label: '', type: value() }]);
    case 0x6a:
      return new Type('result', [maybe(), maybe()]);
    case 0x69:
    case 0x68:
      return new Type(head === 0x69 ? 'own' : 'borrow', [{ label: '', type: scope.type(reader.u32()) }]);
    case 0x66:
    case 0x65:
      return new Type(head === 0x66 ? 'stream' : 'future', [maybe()]);
    case 0x63:
      return new Type('map', [
        { label: '', type: value() },
        { label: '', type: value() },
      ]);
    default:
      // A type of its own: it can be given a name.
      return new Type(primitive(head).head);
  }
}

function valueType(reader: Reader, scope: Scope): Type {
  const index = reader.s33();
  return index >= 0 ? scope.type(index) : primitive(index + 0x80);
}

function primitive(byte: number): Type {
  const known = byte === 0x64 ? ERROR_CONTEXT : PRIMITIVES[0x7f - byte];
  if (known === undefined) throw unsupported(`a type of kind ${byte}`);
  return known;
}

function labelled(reader: Reader, scope: Scope): Part[] {
  return list(reader, () => ({ label: nameOf(reader), type: valueType(reader, scope) }));
}

function list<T>(reader: Reader, read: () => T): T[] {
  const found: T[] = [];
  each(reader, () => found.push(read()));
  return found;
}

function optional<T>(reader: Reader, read: () => T): T | undefined {
  return reader.byte() === 0 ? undefined : read();
}
