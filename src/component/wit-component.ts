import { Reader } from '../engine/binary.ts';
import { sectionsOf } from '../engine/sections.ts';
import { canon } from './wit-canon.ts';
import { alias, each, externName, externType, nameOf, sort, type } from './wit-read.ts';
import { type Entity, type Instance, Scope, unsupported } from './wit-scope.ts';

const CORE_INSTANCE = 2;
/** Sections up to this one are skipped, but for that one. */
const COMPONENT = 4;

/**
 * What a component defines, imports and exports, by the component model's Binary.md: types are followed through
 * aliases and through the components within it, core modules are skipped. jco has validated what is run; here only
 * reading has to be safe.
 * @param given what its imports are, when another component instantiates it
 * @throws ModuleError
 */
export function readComponent(
  bytes: Uint8Array,
  parent?: Scope,
  given?: ReadonlyMap<string, Entity>,
  caller?: Scope,
): Scope {
  const scope = new Scope(parent, caller);
  for (const { id, start, end } of sectionsOf(bytes)) {
    const reader = new Reader(bytes, start, end);
    // A component is read as often as it is instantiated: long names count, too.
    if (id > COMPONENT) scope.count((end - start) >> 4);
    switch (id) {
      case CORE_INSTANCE:
        each(reader, () => coreInstance(reader, scope));
        break;
      case COMPONENT:
        scope.add({ sort: 'component', bytes: bytes.subarray(start, end), scope });
        break;
      case 5:
        each(reader, () => scope.add(instance(reader, scope)));
        break;
      case 6:
        each(reader, () => alias(reader, scope));
        break;
      case 7:
        each(reader, () => type(reader, scope));
        break;
      case 8:
        each(reader, () => {
          scope.countFunctions(1);
          canon(reader, scope);
        });
        break;
      case 10:
        each(reader, () => {
          const name = externName(reader);
          const declared = externType(reader, scope);
          const entity = given?.get(name) ?? declared;
          scope.imports.set(name, entity);
          scope.add(entity);
        });
        break;
      case 11:
        each(reader, () => {
          const name = externName(reader);
          const entity = scope.entity(sort(reader), reader.u32());
          const ascribed = reader.byte() === 0 ? entity : externType(reader, scope);
          // What it is ascribed may be less than it is, but a resource must stay the same one.
          const exported = entity.sort === 'func' ? ascribed : entity;
          scope.exports.set(name, exported);
          scope.add(exported);
        });
        break;
    }
  }
  return scope;
}

/** Binary.md: core:instance. They are only counted. */
function coreInstance(reader: Reader, scope: Scope): void {
  if (reader.byte() === 0) {
    scope.countInstance();
    reader.u32();
  }
  // Arguments of a module, or exports: a name, a sort, an index.
  each(reader, () => {
    reader.text();
    reader.byte();
    reader.u32();
  });
}

/** Binary.md: instance. */
function instance(reader: Reader, scope: Scope): Instance {
  const kind = reader.byte();
  const entities = new Map<string, Entity>();
  if (kind === 1) {
    each(reader, () => entities.set(externName(reader), scope.entity(sort(reader), reader.u32())));
    return { sort: 'instance', exports: entities };
  }
  if (kind !== 0) throw unsupported(`an instance of kind ${kind}`);
  const component = scope.entity(4, reader.u32());
  each(reader, () => entities.set(nameOf(reader), scope.entity(sort(reader), reader.u32())));
  if (component.sort !== 'component' || component.bytes === undefined) {
    throw unsupported('an instance of an imported component');
  }
  const { exports } = readComponent(component.bytes, component.scope, entities, scope);
  return { sort: 'instance', exports };
}
