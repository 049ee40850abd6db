import { constants, openSync, realpathSync } from 'node:fs';
import type { DirectoryGrant } from '../../../config/types.ts';
import type { WasiHost } from '../host.ts';
import type { IoError, WasiInstance } from '../io/index.ts';
import { WasiTrap } from '../trap.ts';
import { type ErrorCode, FileError } from './codes.ts';
import { Descriptor } from './descriptor.ts';
import { DirectoryEntryStream } from './directory-entries.ts';
import { Handle, OPEN_MAX, OpenCount } from './handles.ts';

export type { DescriptorFlags, PathFlags } from './descriptor.ts';
export { Descriptor } from './descriptor.ts';

/** Opens granted directories once, when the guest first asks for them; each descriptor of one shares it. */
class Preopens {
  readonly #instance: WasiInstance;
  readonly #grants: readonly DirectoryGrant[];
  readonly #host: WasiHost;
  readonly #count: OpenCount;
  readonly #opened = new Map<DirectoryGrant, { readonly handle: Handle; readonly path: string }>();

  constructor(instance: WasiInstance, grants: readonly DirectoryGrant[], host: WasiHost) {
    this.#instance = instance;
    this.#grants = grants;
    this.#host = host;
    this.#count = new OpenCount(() =>
      host.denied(`have more than ${OPEN_MAX} files and directories open`, ''),
    );
  }

  /** Throws WasiTrap if a granted directory is gone. */
  list(): [directory: Descriptor, name: string][] {
    this.#instance.check();
    return this.#grants.map(grant => {
      const { handle, path } = this.#open(grant);
      handle.hold();
      const writable = grant.access === 'write';
      const root = {
        instance: this.#instance,
        grant,
        count: this.#count,
        denied: () => this.#denied(grant),
      };
      try {
        const state = { handle, path, read: true, write: false, mutable: writable };
        return [new Descriptor(root, state), grant.guest];
      } catch (error) {
        handle.release();
        throw error;
      }
    });
  }

  #open(grant: DirectoryGrant): { handle: Handle; path: string } {
    const known = this.#opened.get(grant);
    if (known !== undefined) return known;
    let fd: number;
    let path: string;
    try {
      // The operator's path: links in it are theirs.
      path = realpathSync.native(grant.host);
      fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    } catch (error) {
      throw new WasiTrap(`directory ${grant.guest}: ${(error as NodeJS.ErrnoException).code}`);
    }
    const opened = { handle: new Handle(fd, this.#instance, undefined), path };
    this.#opened.set(grant, opened);
    return opened;
  }

  #denied(grant: DirectoryGrant): void {
    const line = `{host: ${grant.host}, guest: ${grant.guest}, access: write}`;
    this.#host.denied(`write in ${grant.guest}`, `capabilities.directories: [${line}]`);
  }
}

/**
 * `wasi:filesystem` 0.2: the granted directories and nothing else. Relies on descriptors of directories, which Windows
 * lacks: there are no directories there.
 */
export function filesystemImports(
  instance: WasiInstance,
  grants: readonly DirectoryGrant[],
  host: WasiHost,
): Record<string, object> {
  const preopens = new Preopens(instance, process.platform === 'win32' ? [] : grants, host);
  return {
    'wasi:filesystem/preopens': { getDirectories: () => preopens.list() },
    'wasi:filesystem/types': {
      Descriptor,
      DirectoryEntryStream,
      filesystemErrorCode: (error: IoError): ErrorCode | undefined =>
        error instanceof FileError ? error.fileCode : undefined,
    },
  };
}
