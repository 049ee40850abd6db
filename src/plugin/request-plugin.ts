import { BackOff } from './back-off.ts';
import { reportGuestError } from './death.ts';
import { ProxyWasmPlugin } from './plugin.ts';
import type { RootContext } from './root-context.ts';
import { startRoot } from './root-start.ts';
import type { Vm } from './vm.ts';
import { endRoot } from './vm-slot.ts';

/**
 * `isolation: request`: each stream gets a VM that no other has seen and none will see. VMs are made between
 * requests, and kept ready; a stream that finds none makes its own.
 */
export class RequestPlugin extends ProxyWasmPlugin {
  readonly #ready: RootContext[] = [];
  #filling: NodeJS.Immediate | undefined;
  /** When there may be more VMs that wait: some died of what they did meanwhile. */
  readonly #idle = new BackOff(this.options.restart);

  start(): void {
    if (this.mustWait) return;
    this.#ready.push(this.#make());
    this.#fill();
  }

  #make(): RootContext {
    const root = startRoot(this.slot.make(this.state), this.options, this.state);
    root.onDeath = () => {
      const at = this.#ready.indexOf(root);
      if (at < 0) return;
      this.#ready.splice(at, 1);
      this.#idle.failed();
    };
    return root;
  }

  protected root(): RootContext {
    let root = this.#ready.pop();
    // It may have died of a tick while it waited.
    while (root?.vm.death !== undefined) root = this.#ready.pop();
    this.#fill();
    if (root !== undefined) return root;
    this.counters.poolMisses++;
    return this.restart(() => this.#make());
  }

  /** One VM each time round the event loop, so that requests come in between. */
  #fill(): void {
    if (this.#filling !== undefined || this.#ready.length >= this.options.pool) return;
    if (this.mustWait || this.#idle.wait() > 0) return;
    this.#filling = setImmediate(() => {
      this.#filling = undefined;
      try {
        this.#ready.push(this.restart(() => this.#make()));
        this.#fill();
      } catch (error) {
        // The next stream tries again, by the rules of back-off.
        reportGuestError(this.state.log, error);
      }
    });
    this.#filling.unref();
  }

  get worksAlone(): boolean {
    return false;
  }

  /** What waits in the pool has done nothing yet. */
  finish(): void {
    this.retired = true;
  }

  readonly finishing = false;

  vms(): readonly Vm[] {
    return this.#ready.map(root => root.vm);
  }

  protected stop(): void {
    clearImmediate(this.#filling);
    this.#filling = undefined;
    for (const root of this.#ready.splice(0)) {
      endRoot(root, this.state);
      root.vm.end();
    }
  }
}
