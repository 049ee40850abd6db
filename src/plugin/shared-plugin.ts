import { ProxyWasmPlugin } from './plugin.ts';
import type { RootContext } from './root-context.ts';
import { startRoot } from './root-start.ts';
import type { Vm } from './vm.ts';
import { endRoot } from './vm-slot.ts';

/** `isolation: shared`: all streams of the plugin live in one VM, which it may share with other plugins. */
export class SharedPlugin extends ProxyWasmPlugin {
  #root: RootContext | undefined;

  start(): void {
    this.#root = startRoot(this.slot.vm(this.state), this.options, this.state);
  }

  protected root(): RootContext {
    const root = this.#root;
    if (root !== undefined && root.vm.death === undefined) return root;
    if (root !== undefined) {
      this.#root = undefined;
      this.died(root.vm.diedAt);
    }
    this.#root = this.restart(() => startRoot(this.slot.vm(this.state), this.options, this.state));
    this.state.log.warn({ filter: this.name }, 'started a new VM in place of one that died');
    return this.#root;
  }

  vms(): readonly Vm[] {
    return this.#root === undefined ? [] : [this.#root.vm];
  }

  protected stop(): void {
    endRoot(this.#root, this.state);
    this.#root = undefined;
  }
}
