import type { WasiInstance } from '../wasi/io/index.ts';
import { WasiTrap } from '../wasi/trap.ts';

/** The limits of a filter that its HTTP resources keep, and who counts when one is reached. */
export interface HttpLimits {
  /** Most fields of a map that the guest made or changed, and most bytes of it: names and values. */
  readonly headerCount: number;
  readonly headerBytes: number;
  /** Most bytes of a body that came and the guest has not read. */
  readonly bufferedBody: number;
  hit(limit: 'headerCount' | 'headerBytes'): void;
}

/** How many maps of `headerBytes` one instance may hold at a time. */
const FULL_MAPS = 16;

/** Bytes of bodies that a guest may write within one request before their messages are sent. */
const UNSENT_MAX = 4 * 1024 * 1024;

/** What the HTTP resources of one component instance share. */
export class HttpInstance {
  readonly wasi: WasiInstance;
  readonly limits: HttpLimits;
  /** The request is a HEAD: no body of the response is sent. */
  isHead = false;
  #fieldBytes = 0;
  #unsent = 0;

  constructor(wasi: WasiInstance, limits: HttpLimits) {
    this.wasi = wasi;
    this.limits = limits;
  }

  /** A request begins. */
  begin(isHead: boolean): void {
    this.isHead = isHead;
    this.#unsent = 0;
  }

  /** Bytes more (or, below 0, less) in bodies of no message. Throws WasiTrap for too many in all. */
  unsent(bytes: number): void {
    this.#unsent += bytes;
    if (this.#unsent > UNSENT_MAX) {
      throw this.wasi.fail(
        new WasiTrap(`more than ${UNSENT_MAX} bytes in bodies of messages that were not sent`),
      );
    }
  }

  /** Bytes more (or, below 0, less) in fields of the guest's. Throws WasiTrap for too many in all. */
  account(bytes: number): void {
    this.#fieldBytes += bytes;
    if (this.#fieldBytes <= FULL_MAPS * this.limits.headerBytes) return;
    this.limits.hit('headerBytes');
    throw new WasiTrap(`its fields hold more than ${FULL_MAPS} times limits.headerBytes`);
  }
}
