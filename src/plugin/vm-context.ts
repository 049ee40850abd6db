import { Status } from '../abi/types.ts';
import type { GuestError, HostState } from '../errors.ts';
import { Context } from './context.ts';
import { reportGuestError } from './death.ts';
import type { PluginState } from './state.ts';
import type { Vm } from './vm.ts';

/**
 * A context that a guest knows by its id, from context_create to delete. Ending it is done -> log -> delete
 * (specification, "Context lifecycle"); a guest that answers false to done keeps it until it calls proxy_done.
 */
export class VmContext extends Context {
  readonly vm: Vm;
  #ended = false;
  #waitsForDone = false;
  #gone = false;
  /** Whose end is its end too: the plugin of a stream's context. */
  readonly owner: unknown;

  constructor(vm: Vm, state: PluginState, owner?: unknown) {
    super(vm.contexts.nextId(), state);
    this.owner = owner;
    this.vm = vm;
    vm.contexts.add(this);
  }

  /**
   * Tells the guest; `parent` is 0 for a root context. Whoever extends this calls it last in its constructor: the
   * guest may use the context at once. @throws GuestError
   */
  protected create(parent: number): void {
    const create = this.vm.callbacks.contextCreate;
    if (create === undefined) return;
    try {
      this.vm.call(this, 'proxy_on_context_create', create, this.id, parent, 0);
    } catch (error) {
      this.#dropIfAlive();
      throw error;
    }
  }

  override log(level: number, message: string): void {
    if (level >= 4) this.vm.lastError = message;
    super.log(level, message);
  }

  /** Never throws; calls after the first do nothing. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      if (this.vm.death !== undefined) return;
      const done = this.vm.callbacks.done;
      if (done !== undefined && this.vm.call(this, 'proxy_on_done', done, this.id, 0, 0) === 0) {
        this.#waitsForDone = true;
        this.state.waiting.add(this);
        return;
      }
      this.#finalize();
    } catch (error) {
      this.#report(error);
    }
  }

  /** The guest said that it isn't done, and has not called proxy_done since. */
  get waitsForDone(): boolean {
    return this.#waitsForDone;
  }

  override done(): Status {
    if (!this.#waitsForDone) return Status.NOT_FOUND;
    this.#waitsForDone = false;
    this.state.waiting.delete(this);
    // Not inside the hostcall: the guest must have returned before it is called again.
    queueMicrotask(() => {
      try {
        if (this.vm.death === undefined) this.#finalize();
      } catch (error) {
        this.#report(error);
      }
    });
    return Status.OK;
  }

  /** Ends it although the guest never said proxy_done: log and delete. Never throws. */
  forceEnd(): void {
    if (!this.#waitsForDone) return;
    this.#waitsForDone = false;
    this.state.waiting.delete(this);
    try {
      if (this.vm.death === undefined) this.#finalize();
    } catch (error) {
      this.#report(error);
    }
  }

  override vmDied(_death: GuestError, _hostState: HostState): void {
    this.state.waiting.delete(this);
    this.#waitsForDone = false;
    this.#leave();
  }

  /** Drops it, without a word to the guest: it refused to start. */
  discard(): void {
    this.#ended = true;
    this.#drop();
  }

  /** The guest knows it no more; called once. */
  protected onGone(): void {}

  #leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.onGone();
  }

  /** The maps that may be read in proxy_on_log are open from here on. */
  protected onLog(): void {}

  #finalize(): void {
    const { log, delete: remove } = this.vm.callbacks;
    this.onLog();
    if (log !== undefined) this.vm.call(this, 'proxy_on_log', log, this.id, 0, 0);
    if (remove !== undefined) this.vm.call(this, 'proxy_on_delete', remove, this.id, 0, 0);
    this.#drop();
  }

  #drop(): void {
    this.vm.contexts.delete(this);
    this.#leave();
  }

  /** A callback could not be made (no watchdog): nobody comes back for this context. A dead VM's go with it. */
  #dropIfAlive(): void {
    if (this.vm.death === undefined) this.#drop();
  }

  #report(error: unknown): void {
    this.#dropIfAlive();
    reportGuestError(this.state.log, error);
  }
}
