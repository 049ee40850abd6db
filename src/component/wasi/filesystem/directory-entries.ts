import { isUtf8 } from 'node:buffer';
import { type Dir, type Dirent, opendirSync } from 'node:fs';
import type { WasiInstance } from '../io/index.ts';
import { system } from './codes.ts';
import { at, type Directory, type OpenCount } from './handles.ts';
import { type DescriptorType, typeOf } from './stat.ts';

/** Record `directory-entry`. */
export interface DirectoryEntry {
  readonly type: DescriptorType;
  readonly name: string;
}

/** Resource `directory-entry-stream`: reads on as it is asked, so that a huge directory costs what the guest takes. */
export class DirectoryEntryStream {
  readonly #instance: WasiInstance;
  readonly #count: OpenCount;
  readonly #forget: () => void;
  #dir: Dir | undefined;
  #open = true;

  /** Throws `insufficient-memory` over OPEN_MAX, WasiTrap for one resource too many. */
  constructor(instance: WasiInstance, count: OpenCount, directory: Directory) {
    count.take();
    try {
      const path = at(directory, '.');
      this.#dir = system(() => opendirSync(path, { encoding: 'buffer' as BufferEncoding }));
      instance.take();
    } catch (error) {
      this.#dir?.closeSync();
      count.release();
      throw error;
    }
    this.#instance = instance;
    this.#count = count;
    this.#forget = instance.onClose(() => this.#close());
  }

  /** `[method]directory-entry-stream.read-directory-entry`; names that aren't UTF-8, which no guest can name, are left out. */
  readDirectoryEntry(): DirectoryEntry | undefined {
    for (;;) {
      const dir = this.#dir;
      if (dir === undefined) return undefined;
      const entry = system(() => dir.readSync()) as Dirent<Buffer> | null;
      if (entry === null) {
        this.#close();
        return undefined;
      }
      if (isUtf8(entry.name)) return { type: typeOf(entry), name: entry.name.toString() };
    }
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#instance.release();
    this.#close();
  }

  #close(): void {
    if (this.#dir === undefined) return;
    this.#forget();
    this.#dir.closeSync();
    this.#dir = undefined;
    this.#count.release();
  }
}
