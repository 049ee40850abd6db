import type { WasiInstance } from '../io/index.ts';

/** Resource `wasi:sockets/network.network` (wasi-sockets 0.2, wit/network.wit): what may be reached is asked elsewhere. */
export class Network {
  readonly #instance: WasiInstance;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(instance: WasiInstance) {
    instance.take();
    this.#instance = instance;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.release();
  }
}
