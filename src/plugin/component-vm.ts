import type { Hostcall } from '../abi/guest.ts';
import { countCopies } from '../component/copies.ts';
import { denyLifted, denyLowered } from '../component/filter/denials.ts';
import { liftedEvents, loweredEvents } from '../component/filter/event-callbacks.ts';
import { liftedCalls } from '../component/filter/lifted.ts';
import { liftedCallbacks } from '../component/filter/lifted-callbacks.ts';
import { interfaceOf } from '../component/filter/link.ts';
import { loweredCalls } from '../component/filter/lowered.ts';
import { loweredCallbacks, resourceIntrinsics } from '../component/filter/lowered-callbacks.ts';
import type { CoreGuest } from '../component/filter/lowering.ts';
import { PACKAGE, trap } from '../component/filter/types.ts';
import type { ComponentImports } from '../component/glue.ts';
import { type CoreInstance, instantiateParts } from '../component/instance.ts';
import { wasiImports } from '../component/wasi/index.ts';
import type { CompiledModule } from '../engine/compile.ts';
import type { Memories } from '../engine/instantiate.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { GuestMemory, NO_MEMORY } from '../engine/memory.ts';
import { ModuleError } from '../errors.ts';
import { type Callbacks, type GuestFunction, NO_CALLBACKS, withoutDenied } from './callbacks.ts';
import type { ComponentSpec } from './component-spec.ts';
import type { Context } from './context.ts';
import { guarded } from './death.ts';
import type { PluginState } from './state.ts';
import { Vm } from './vm.ts';

type Realloc = (old: number, oldSize: number, align: number, size: number) => number;

const OWN_EXPORTS = `[export]${PACKAGE}`;

/** An instance of a component of the world weir:filter, with those that are plugged into it. */
export class ComponentVm extends Vm implements CoreGuest {
  readonly callbacks: Callbacks;
  memory = NO_MEMORY;
  #realloc: Realloc | undefined;
  #close: (() => void) | undefined;

  /** @throws GuestError when its start functions fail; ModuleError when there is no room for its memory */
  constructor(spec: ComponentSpec, state: PluginState, interrupter: Interrupter) {
    super(spec, state, interrupter);
    let callbacks: Callbacks | undefined;
    let refused: ModuleError | undefined;
    const run = () => {
      try {
        callbacks = this.#instantiate(spec);
      } catch (error) {
        // No fault of ours, nor of what ran.
        if (!(error instanceof ModuleError)) throw error;
        refused = error;
      }
      return 0;
    };
    this.call(this.starting, 'instantiation', run, 0, 0, 0);
    if (refused !== undefined) throw refused;
    this.callbacks = callbacks!;
  }

  #instantiate({ compiled, linkage, env, grants }: ComponentSpec): Callbacks {
    const { exported, events, core, wasi } = linkage;
    const outside = wasiImports(wasi, { env, grants, mode: 'sync' }, this);
    this.#close = outside.close;
    const denied = grants.hostcalls.deny;
    const calls = denyLifted(liftedCalls(this), denied, call => this.#told(call));
    const host = { ...calls, ...outside.imports } as ComponentImports;
    let own: WebAssembly.Exports | undefined;
    const instantiate: CoreInstance = (module, given, memories) => {
      if (module !== core) return this.#core(module, given, memories);
      const straight = this.#straight(given, exported, denied, () => own!);
      own = this.#core(module, straight, memories);
      this.memory = new GuestMemory(own['memory'] as WebAssembly.Memory);
      this.#realloc = own['cabi_realloc'] as Realloc;
      return own;
    };
    const exports = instantiateParts(
      compiled.parts,
      host,
      this.interrupter.memory,
      this.memories,
      instantiate,
    );
    const lowered = own === undefined ? undefined : loweredCallbacks(this, own, exported);
    const heard = own === undefined ? undefined : loweredEvents(own, events);
    const callbacks = {
      ...NO_CALLBACKS,
      ...(lowered ?? liftedCallbacks(this, exports, exported)),
      ...(heard ?? liftedEvents(exports, events)),
    };
    return withoutDenied(callbacks, grants.callbacks.deny);
  }

  #core(core: CompiledModule, given: WebAssembly.Imports, memories: Memories): WebAssembly.Exports {
    const imports = core.facts.catches ? this.#guarded(given) : given;
    return new WebAssembly.Instance(core.module, { ...imports, ...memories.imports }).exports;
  }

  /** The glue's imports, those of the world replaced by ours. */
  #straight(
    given: WebAssembly.Imports,
    exported: string,
    denied: readonly string[],
    own: () => WebAssembly.Exports,
  ): WebAssembly.Imports {
    const calls = denyLowered(this, loweredCalls(this), denied, call => this.#told(call));
    const imports: Record<string, WebAssembly.ModuleImports> = {};
    for (const [name, functions] of Object.entries(given)) {
      if (name.startsWith(PACKAGE)) imports[name] = calls[interfaceOf(name)] as WebAssembly.ModuleImports;
      else if (name === `${OWN_EXPORTS}${exported.slice(PACKAGE.length)}`)
        imports[name] = resourceIntrinsics(own, exported);
      else imports[name] = functions;
    }
    return imports;
  }

  /** For a guest that can catch: it must not outlive what the host throws. */
  #guarded(given: WebAssembly.Imports): WebAssembly.Imports {
    const imports: Record<string, WebAssembly.ModuleImports> = {};
    for (const [name, items] of Object.entries(given)) {
      const guards: WebAssembly.ModuleImports = {};
      for (const [item, value] of Object.entries(items)) {
        guards[item] =
          typeof value === 'function' ? (guarded(value as Hostcall, this) as WebAssembly.ImportValue) : value;
      }
      imports[name] = guards;
    }
    return imports;
  }

  override call(
    context: Context,
    callback: string,
    fn: GuestFunction,
    a: number,
    b: number,
    c: number,
  ): number {
    countCopies();
    return super.call(context, callback, fn, a, b, c);
  }

  override end(): void {
    this.#close?.();
    this.#close = undefined;
  }

  allocate(size: number, align: number): number {
    const address = this.#realloc!(0, 0, align, size) >>> 0;
    if (address === 0 || address % align !== 0 || !this.memory.has(address, size))
      throw trap(`cabi_realloc gave ${address} for ${size} bytes`);
    return address;
  }

  refused(reason: string): void {
    this.refusal = reason;
  }

  #told(call: string): void {
    this.denied(`the hostcall ${call}`, `capabilities.hostcalls.deny without ${call}`);
  }

  /** Something that wasn't granted was tried: said once for each text. */
  denied(what: string, grant: string): void {
    this.starting.state.denied(what, grant);
  }
}
