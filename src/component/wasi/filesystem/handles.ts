import { closeSync, constants, fstatSync, lstatSync, openSync, statSync } from 'node:fs';
import type { WasiInstance } from '../io/index.ts';
import { system } from './codes.ts';

/** Most files and directories that one instance has open, those of its grants left out. */
export const OPEN_MAX = 64;

/** How many files and directories an instance has open. */
export class OpenCount {
  readonly #full: () => void;
  #count = 0;

  /** @param full is told when the guest wants more than OPEN_MAX */
  constructor(full: () => void) {
    this.#full = full;
  }

  /** Throws `insufficient-memory` over OPEN_MAX. */
  take(): void {
    if (this.#count >= OPEN_MAX) {
      this.#full();
      throw 'insufficient-memory';
    }
    this.#count++;
  }

  release(): void {
    this.#count--;
  }
}

/** A descriptor of the system that WASI's descriptors and streams share; closed by the last of them, or with the instance. */
export class Handle {
  readonly #fd: number;
  readonly #count: OpenCount | undefined;
  readonly #forget: () => void;
  #holders = 1;

  /** Takes `fd` over. `count` has counted it; undefined: it isn't counted. */
  constructor(fd: number, instance: WasiInstance, count: OpenCount | undefined) {
    this.#fd = fd;
    this.#count = count;
    this.#forget = instance.onClose(() => this.#close());
  }

  /** Throws `bad-descriptor` once it is closed: its number may be somebody else's by then. */
  get fd(): number {
    if (this.#holders === 0) throw 'bad-descriptor';
    return this.#fd;
  }

  /** Throws `bad-descriptor` once it is closed. */
  hold(): this {
    if (this.#holders === 0) throw 'bad-descriptor';
    this.#holders++;
    return this;
  }

  release(): void {
    if (this.#holders === 0) return;
    this.#holders--;
    if (this.#holders === 0) this.#end();
  }

  #close(): void {
    if (this.#holders === 0) return;
    this.#holders = 0;
    this.#end();
  }

  #end(): void {
    this.#forget();
    this.#count?.release();
    closeSync(this.#fd);
  }
}

/** Never through a symbolic link, never waiting for the other end of a FIFO, never taking a terminal. */
export const OPEN_SAFELY = constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
export const OPEN_DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | OPEN_SAFELY;

/** A directory that is open: the place of a path is where its descriptor is, not where its name leads. */
export interface Directory {
  readonly fd: number;
  /** Where it was opened; used only where the system can't go through descriptors. */
  readonly path: string;
}

let through: boolean | undefined;

/** Whether paths may go through descriptors: Linux with /proc, and a process that may look at its own. */
function throughDescriptors(directory: Directory): boolean {
  through ??= (() => {
    try {
      const a = statSync(`/proc/self/fd/${directory.fd}/.`, { bigint: true });
      const b = fstatSync(directory.fd, { bigint: true });
      return a.ino === b.ino && a.dev === b.dev;
    } catch {
      return false;
    }
  })();
  return through;
}

/** For tests: as on a system that can't go through descriptors; undefined: find out again. */
export function setThroughDescriptors(value: boolean | undefined): void {
  through = value;
}

/**
 * The path of `name` in `directory` for one call of node:fs; `name` is one component, or `.`. What openat(2) is
 * for, which Node lacks. On Linux it goes through the descriptor, so nothing that happens to the tree meanwhile leads
 * elsewhere. Elsewhere the directory is looked for where it was opened and must be the same one; between this
 * look and the call another process could still put a link in its place.
 */
export function at(directory: Directory, name: string): string {
  if (throughDescriptors(directory)) return `/proc/self/fd/${directory.fd}/${name}`;
  const here = system(() => lstatSync(directory.path, { bigint: true }));
  const mine = fstatSync(directory.fd, { bigint: true });
  if (here.ino !== mine.ino || here.dev !== mine.dev) throw 'no-entry';
  return `${directory.path}/${name}`;
}

/** Opens the directory `name` in `directory`. Throws `not-directory` or `loop` for a symbolic link. */
export function openDirectoryAt(directory: Directory, name: string): Directory {
  const path = `${directory.path}/${name}`;
  return { fd: system(() => openSync(at(directory, name), OPEN_DIRECTORY)), path };
}
