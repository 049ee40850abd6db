import { ModuleError } from '../errors.ts';
import { Type } from './wit-type.ts';

export interface Instance {
  readonly sort: 'instance';
  readonly exports: ReadonlyMap<string, Entity>;
}

/** A component within a component: what it exports depends on what it is instantiated with. */
export interface Nested {
  readonly sort: 'component';
  /** Undefined: only its type is known. */
  readonly bytes: Uint8Array | undefined;
  readonly scope: Scope | undefined;
}

/** What can be imported and exported. */
export type Entity =
  | { readonly sort: 'func'; readonly type: Type }
  | { readonly sort: 'type'; readonly type: Definition }
  | Instance
  | Nested
  | { readonly sort: 'other' };

/** What a type index stands for: an instance's type is an instance, for there is no more to know of one. */
export type Definition = Type | Instance | Nested;

/** How much may be defined: what a component of 100 MB needs no more of, and what is read within a second. */
const MAX_DEFINITIONS = 1_000_000;
/**
 * Core instances of one composition, each with a scope of its own: a component that instantiates another one twice, and
 * so on, has millions of them in 9 KB, and the glue a variable for each, which V8 takes minutes for.
 */
export const INSTANCES_MAX = 256;
/** Functions that are lifted, lowered, imported or exported: jco writes thousands of bytes for each, and takes more. */
const FUNCTIONS_MAX = 4096;
/** How deep components and types of instances may be nested. */
const MAX_NESTING = 32;

/** The index spaces of a component, or of an instance's or component's type. */
export class Scope {
  readonly types: Definition[] = [];
  readonly funcs: Type[] = [];
  readonly instances: Instance[] = [];
  readonly components: Nested[] = [];
  readonly imports = new Map<string, Entity>();
  readonly exports = new Map<string, Entity>();
  readonly #parent: Scope | undefined;
  readonly #depth: number;
  /** Shared by all scopes of a component. */
  readonly #count: { definitions: number; instances: number; functions: number };

  /** `caller`: where the component is instantiated; it may be in another place than it is defined. */
  constructor(parent?: Scope, caller?: Scope) {
    this.#parent = parent;
    this.#depth =
      Math.max(parent === undefined ? 0 : parent.#depth, caller === undefined ? 0 : caller.#depth) + 1;
    this.#count = parent === undefined ? { definitions: 0, instances: 0, functions: 0 } : parent.#count;
    if (this.#depth > MAX_NESTING) {
      throw new ModuleError('MODULE_LIMIT', `the component is nested deeper than ${MAX_NESTING} levels`);
    }
  }

  /** That many more things are defined, or read, or told. */
  count(things = 1): void {
    this.#count.definitions += things;
    if (this.#count.definitions > MAX_DEFINITIONS) {
      throw new ModuleError('MODULE_LIMIT', `the component has more than ${MAX_DEFINITIONS} definitions`);
    }
  }

  /** One more instance of a core module. */
  countInstance(): void {
    if (++this.#count.instances > INSTANCES_MAX) throw tooManyInstances();
  }

  /** That many more functions for which there will be JavaScript. */
  countFunctions(functions: number): void {
    this.#count.functions += functions;
    if (this.#count.functions > FUNCTIONS_MAX) {
      throw new ModuleError('MODULE_LIMIT', `the component has more than ${FUNCTIONS_MAX} functions`);
    }
  }

  /** The scope that many levels further out. */
  outer(levels: number): Scope {
    let scope: Scope | undefined = this;
    for (let n = levels; n > 0 && scope !== undefined; n--) scope = scope.#parent;
    return found(scope, 'scope', levels);
  }

  type(index: number): Type {
    const definition = found(this.types[index], 'type', index);
    if (definition instanceof Type) return definition;
    throw malformed(`type ${index} is none of a value or function`);
  }

  instanceType(index: number): Instance {
    const definition = found(this.types[index], 'type', index);
    if (!(definition instanceof Type) && definition.sort === 'instance') return definition;
    throw malformed(`type ${index} is none of an instance`);
  }

  /** The entity behind a sort and an index. */
  entity(sort: number, index: number): Entity {
    switch (sort) {
      case 1:
        return { sort: 'func', type: found(this.funcs[index], 'function', index) };
      case 3:
        return { sort: 'type', type: found(this.types[index], 'type', index) };
      case 4:
        return found(this.components[index], 'component', index);
      case 5:
        return found(this.instances[index], 'instance', index);
      default:
        return { sort: 'other' };
    }
  }

  /** Gives the entity the next index of its sort. */
  add(entity: Entity): void {
    this.count();
    if (entity.sort === 'func') this.funcs.push(entity.type);
    else if (entity.sort === 'type') this.types.push(entity.type);
    else if (entity.sort === 'instance') this.instances.push(entity);
    else if (entity.sort === 'component') this.components.push(entity);
  }
}

function found<T>(value: T | undefined, what: string, index: number): T {
  if (value === undefined) throw malformed(`there is no ${what} ${index}`);
  return value;
}

export function tooManyInstances(): ModuleError {
  return new ModuleError(
    'MODULE_LIMIT',
    `the component has more than ${INSTANCES_MAX} instances of core modules`,
  );
}

export function malformed(message: string): ModuleError {
  return new ModuleError('MODULE_MALFORMED', `the component is malformed: ${message}`);
}

export function unsupported(what: string): ModuleError {
  return new ModuleError('MODULE_UNSUPPORTED', `the component has ${what}, which Weir does not know`);
}
