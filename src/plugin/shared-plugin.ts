import { reportGuestError } from './death.ts';
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
  /** What died worked without streams: it is started again without one. */
  #reviving: NodeJS.Timeout | undefined;

  start(): void {
    // After an eviction: the first stream asks again.
    if (this.mustWait) return;
    this.#root = this.#startRoot();
  }

  protected root(): RootContext {
    const root = this.#root;
    if (root !== undefined && root.vm.death === undefined) return root;
    this.#bury();
    this.#root = this.restart(() => this.#startRoot());
    clearTimeout(this.#reviving);
    this.#reviving = undefined;
    if (this.#died) this.state.log.warn({ filter: this.name }, 'started a new VM in place of one that died');
    this.#died = false;
    return this.#root;
  }

  #startRoot(): RootContext {
    const root = startRoot(this.slot.vm(this.state), this.options, this.state);
    root.onDeath = workedAlone => {
      // A stream may have come between.
      if (this.#root !== root) return;
      this.#bury();
      if (workedAlone) this.#revive();
    };
    return root;
  }

  /** Takes note, once, that the VM died. */
  #bury(): void {
    const root = this.#root;
    if (root?.vm.death === undefined) return;
    this.#root = undefined;
    this.#died = true;
    this.died(root.vm);
  }

  /** Starts what worked alone again, as soon as the back-off allows: no stream may come by. */
  #revive(): void {
    if (this.retired || this.state.down || this.#root !== undefined) return;
    clearTimeout(this.#reviving);
    this.#reviving = setTimeout(() => {
      this.#reviving = undefined;
      // A stream that came by may have tried, and failed.
      if (!this.mustWait) {
        try {
          this.root();
        } catch (error) {
          reportGuestError(this.state.log, error);
        }
      }
      this.#revive();
    }, Math.ceil(this.state.backOff.wait())).unref();
  }

  get worksAlone(): boolean {
    return this.#reviving !== undefined || this.#root?.worksAlone === true;
  }

  finish(): void {
    this.retired = true;
    clearTimeout(this.#reviving);
    this.#reviving = undefined;
    this.#root?.finish();
  }

  get finishing(): boolean {
    return this.#root?.waitsForDone === true;
  }

  vms(): readonly Vm[] {
    return this.#root === undefined ? [] : [this.#root.vm];
  }

  protected stop(): void {
    clearTimeout(this.#reviving);
    this.#reviving = undefined;
    // No stream came by since.
    this.#bury();
    endRoot(this.#root, this.state);
    this.#root = undefined;
  }
}
