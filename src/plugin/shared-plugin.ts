import { ProxyWasmPlugin } from './plugin.ts';
import type { RootContext } from './root-context.ts';
import { startRoot } from './root-start.ts';
import type { Vm } from './vm.ts';
import { endRoot } from './vm-slot.ts';

/** `isolation: shared`: all streams of the plugin live in one VM, which it may share with other plugins. */
export class SharedPlugin extends ProxyWasmPlugin {
  #root: RootContext | undefined;
  /** The VM that is to be replaced died. */
  #died = false;

  start(): void {
    // After an eviction: the first stream asks again.
    if (this.mustWait) return;
    this.#root = startRoot(this.slot.vm(this.state), this.options, this.state);
  }

  protected root(): RootContext {
    const root = this.#root;
    if (root !== undefined && root.vm.death === undefined) return root;
    if (root !== undefined) {
      this.#root = undefined;
      this.#died = true;
      this.died(root.vm);
    }
    this.#root = this.restart(() => startRoot(this.slot.vm(this.state), this.options, this.state));
    if (this.#died) this.state.log.warn({ filter: this.name }, 'started a new VM in place of one that died');
    this.#died = false;
    return this.#root;
  }

  vms(): readonly Vm[] {
    return this.#root === undefined ? [] : [this.#root.vm];
  }

  protected stop(): void {
    // No stream came by since.
    if (this.#root?.vm.death !== undefined) this.died(this.#root.vm);
    endRoot(this.#root, this.state);
    this.#root = undefined;
  }
}
