import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import type { RootContext } from './root-context.ts';
import type { PluginState } from './state.ts';
import type { Vm, VmSpec } from './vm.ts';

/** The VM that plugins of the same vm id, module, VM configuration and environment share; replaced when it died. */
export class VmSlot {
  readonly spec: VmSpec;
  readonly #interrupter: Interrupter;
  readonly #onUnused: (() => void) | undefined;
  #vm: Vm | undefined;
  #users = 0;

  /** `onUnused`: the last plugin let go of it. */
  constructor(spec: VmSpec, interrupter: Interrupter, onUnused?: () => void) {
    this.spec = spec;
    this.#interrupter = interrupter;
    this.#onUnused = onUnused;
  }

  /** The VM that lives; started when there is none. @throws GuestError, ModuleError when it doesn't start */
  vm(state: PluginState): Vm {
    if (this.#vm === undefined || this.#vm.death !== undefined) this.#vm = this.make(state);
    return this.#vm;
  }

  /** A VM of one's own. @throws GuestError, ModuleError */
  make(state: PluginState): Vm {
    state.counters.vmsStarted++;
    return this.spec.make(state, this.#interrupter);
  }

  take(): void {
    this.#users++;
  }

  /** The plugin's root context has ended. The VM is dropped with the last one. */
  release(): void {
    if (--this.#users > 0) return;
    this.#vm?.end();
    this.#vm = undefined;
    this.#onUnused?.();
  }
}

/** Ends a root context: the guest has its last word, and no more than that. Never throws. */
export function endRoot(root: RootContext | undefined, state: PluginState): void {
  root?.finish();
  root?.forceEnd();
  state.logLimit.flush();
}
