import { fstatSync, ftruncateSync, futimesSync } from 'node:fs';
import type { DirectoryGrant } from '../../../config/types.ts';
import { InputStream, OutputStream, type WasiInstance } from '../io/index.ts';
import { type ErrorCode, system } from './codes.ts';
import { DirectoryEntryStream } from './directory-entries.ts';
import { FILE_MAX_BYTES, fileSink, fileSource, readAt, writeAt } from './file-streams.ts';
import { type Directory, Handle, type OpenCount } from './handles.ts';
import {
  type DescriptorStat,
  type DescriptorType,
  metadataHash,
  type NewTimestamp,
  secondsOf,
  statOf,
} from './stat.ts';
import * as tree from './tree.ts';

/** Flags `path-flags` as jco gives them. */
export interface PathFlags {
  readonly symlinkFollow?: boolean;
}

/** Flags `descriptor-flags` as jco gives and takes them. */
export interface DescriptorFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly fileIntegritySync?: boolean;
  readonly dataIntegritySync?: boolean;
  readonly requestedWriteSync?: boolean;
  readonly mutateDirectory?: boolean;
}

/** What all descriptors below one grant share. */
export interface Root {
  readonly instance: WasiInstance;
  readonly grant: DirectoryGrant;
  readonly count: OpenCount;
  /** The guest tried to change what it may only read. */
  denied(): void;
}

/** Where a descriptor is, and what may be done with it. */
export interface DescriptorState {
  readonly handle: Handle;
  /** The path a directory was opened at; undefined: a regular file. */
  readonly path: string | undefined;
  readonly read: boolean;
  /** Of a file. */
  readonly write: boolean;
  /** The directory, or what is known of the file beside its bytes, may be changed. */
  readonly mutable: boolean;
}

/**
 * Resource `wasi:filesystem/types.descriptor` (wasi-filesystem 0.2, wit/types.wit): a regular file or directory below a
 * granted one. Methods throw ErrorCode as jco's `err`. System calls are synchronous and bounded; none waits but for
 * the disk.
 */
export class Descriptor {
  readonly #root: Root;
  readonly #state: DescriptorState;
  #open = true;

  /** Takes over a hold on the handle. Throws WasiTrap for one resource too many. */
  constructor(root: Root, state: DescriptorState) {
    root.instance.take();
    this.#root = root;
    this.#state = state;
  }

  readViaStream(offset: bigint): InputStream {
    const handle = this.#readable();
    return this.#holding(() => new InputStream(this.#root.instance, fileSource(handle.hold(), offset)));
  }

  writeViaStream(offset: bigint): OutputStream {
    const handle = this.#writable();
    return this.#holding(() => new OutputStream(this.#root.instance, fileSink(handle.hold(), offset)));
  }

  appendViaStream(): OutputStream {
    const handle = this.#writable();
    return this.#holding(() => new OutputStream(this.#root.instance, fileSink(handle.hold(), 'append')));
  }

  /** Taken note of by nobody. */
  advise(): void {}

  /** Throws `unsupported`: waiting for a disk would stop the proxy. */
  sync(): void {
    throw 'unsupported' satisfies ErrorCode;
  }

  /** As sync. */
  syncData(): void {
    throw 'unsupported' satisfies ErrorCode;
  }

  getFlags(): Required<DescriptorFlags> {
    const { read, write, mutable, path } = this.#state;
    const mutateDirectory = path !== undefined && mutable;
    return {
      read,
      write,
      fileIntegritySync: false,
      dataIntegritySync: false,
      requestedWriteSync: false,
      mutateDirectory,
    };
  }

  getType(): DescriptorType {
    return this.#state.path === undefined ? 'regular-file' : 'directory';
  }

  /** Throws `file-too-large` over FILE_MAX_BYTES. */
  setSize(size: bigint): void {
    const { fd } = this.#writable();
    if (size > BigInt(FILE_MAX_BYTES)) throw 'file-too-large';
    system(() => ftruncateSync(fd, Number(size)));
  }

  setTimes(access: NewTimestamp, modification: NewTimestamp): void {
    this.#mutable();
    const { fd } = this.#state.handle;
    const stats = system(() => fstatSync(fd, { bigint: true }));
    const atime = secondsOf(access, stats.atimeNs);
    const mtime = secondsOf(modification, stats.mtimeNs);
    system(() => futimesSync(fd, atime, mtime));
  }

  /** Up to FILE_CALL_MAX_BYTES bytes, and whether the end was reached. */
  read(length: bigint, offset: bigint): [bytes: Uint8Array, end: boolean] {
    const bytes = readAt(this.#readable(), length, offset);
    return [bytes, bytes.length === 0 && length > 0n];
  }

  /** Writes up to FILE_CALL_MAX_BYTES bytes and tells how many. */
  write(buffer: Uint8Array, offset: bigint): bigint {
    return BigInt(writeAt(this.#writable(), buffer, offset));
  }

  readDirectory(): DirectoryEntryStream {
    const { instance, count } = this.#root;
    return new DirectoryEntryStream(instance, count, this.#directory());
  }

  stat(): DescriptorStat {
    return statOf(this.#stats());
  }

  statAt(flags: PathFlags, path: string): DescriptorStat {
    return statOf(tree.statPath(this.#directory(), path, flags.symlinkFollow === true));
  }

  setTimesAt(flags: PathFlags, path: string, access: NewTimestamp, modification: NewTimestamp): void {
    tree.setPathTimes(this.#mutable(), path, flags.symlinkFollow === true, access, modification);
  }

  createDirectoryAt(path: string): void {
    tree.makeDirectory(this.#mutable(), path);
  }

  removeDirectoryAt(path: string): void {
    tree.removeDirectory(this.#mutable(), path);
  }

  unlinkFileAt(path: string): void {
    tree.unlinkFile(this.#mutable(), path);
  }

  renameAt(path: string, newDescriptor: Descriptor, newPath: string): void {
    tree.renamePath(this.#mutable(), path, newDescriptor.#mutable(), newPath);
  }

  /** Both directories have to be writable: the new name would let the guest write to what it may only read. */
  linkAt(flags: PathFlags, path: string, newDescriptor: Descriptor, newPath: string): void {
    if (flags.symlinkFollow) throw 'invalid';
    tree.linkPath(this.#mutable(), path, newDescriptor.#mutable(), newPath);
  }

  symlinkAt(text: string, path: string): void {
    tree.symlinkPath(this.#mutable(), text, path);
  }

  readlinkAt(path: string): string {
    return tree.readlinkPath(this.#directory(), path);
  }

  openAt(pathFlags: PathFlags, path: string, open: tree.OpenFlags, flags: DescriptorFlags): Descriptor {
    const base = this.#directory();
    if (flags.write || flags.mutateDirectory || open.create || open.truncate) this.#mutable();
    if (flags.fileIntegritySync || flags.dataIntegritySync || flags.requestedWriteSync) throw 'unsupported';
    const { count, instance } = this.#root;
    const write = flags.write === true;
    // Neither: a descriptor to ask for what is known of the file.
    const read = flags.read === true;
    count.take();
    let opened: tree.Opened | undefined;
    try {
      opened = tree.openPath(base, path, pathFlags.symlinkFollow === true, open, read, write);
      const mutable = opened.directory ? flags.mutateDirectory === true : this.#state.mutable;
      const handle = new Handle(opened.fd, instance, count);
      return this.#made({ handle, path: opened.directory?.path, read, write, mutable });
    } catch (error) {
      // Once there is a handle, it gives the count back.
      if (opened === undefined) count.release();
      throw error;
    }
  }

  isSameObject(other: Descriptor): boolean {
    const [a, b] = [this.#stats(), other.#stats()];
    return a.ino === b.ino && a.dev === b.dev;
  }

  metadataHash(): { lower: bigint; upper: bigint } {
    return metadataHash(this.#stats());
  }

  metadataHashAt(flags: PathFlags, path: string): { lower: bigint; upper: bigint } {
    return metadataHash(tree.statPath(this.#directory(), path, flags.symlinkFollow === true));
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#root.instance.release();
    this.#state.handle.release();
  }

  #made(state: DescriptorState): Descriptor {
    try {
      return new Descriptor(this.#root, state);
    } catch (error) {
      state.handle.release();
      throw error;
    }
  }

  #stats() {
    const { fd } = this.#state.handle;
    return system(() => fstatSync(fd, { bigint: true }));
  }

  #directory(): Directory {
    const { path, handle } = this.#state;
    if (path === undefined) throw 'not-directory';
    return { fd: handle.fd, path };
  }

  /** This directory, if it may be changed; of a file, whether what is known of it may. */
  #mutable(): Directory {
    if (!this.#state.mutable) {
      if (this.#root.grant.access === 'read') this.#root.denied();
      throw 'read-only';
    }
    return { fd: this.#state.handle.fd, path: this.#state.path ?? '' };
  }

  #readable(): Handle {
    if (this.#state.path !== undefined) throw 'is-directory';
    if (!this.#state.read) throw 'bad-descriptor';
    return this.#state.handle;
  }

  #writable(): Handle {
    if (this.#state.path !== undefined) throw 'is-directory';
    if (!this.#state.write) throw this.#state.mutable ? 'bad-descriptor' : 'read-only';
    return this.#state.handle;
  }

  /** Gives the stream's hold back when there may be no stream. */
  #holding<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      this.#state.handle.release();
      throw error;
    }
  }
}
