import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { system } from './codes.ts';
import { at, type Directory, OPEN_SAFELY, openDirectoryAt } from './handles.ts';
import { PATH_MAX_BYTES, type Place, resolvePath } from './resolve.ts';
import { type NewTimestamp, secondsOf } from './stat.ts';

/*
 * What can be done to a path below a directory. Every function throws ErrorCode, those of resolvePath among them;
 * whether the directory may be changed is for the caller to check.
 */

/** Flags `open-flags` as jco gives them. */
export interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}

/** What `openAt` opened: the caller closes it. */
export interface Opened {
  readonly fd: number;
  /** Undefined: a regular file. */
  readonly directory: Directory | undefined;
}

/**
 * Opens a regular file or a directory. Throws `access` for anything else (FIFOs, devices, sockets), `loop` for a link
 * that isn't to be followed.
 */
export function openPath(
  base: Directory,
  path: string,
  follow: boolean,
  open: OpenFlags,
  read: boolean,
  write: boolean,
): Opened {
  if (open.directory && (open.create || open.exclusive || open.truncate)) throw 'invalid';
  const exclusive = open.create === true && open.exclusive === true;
  return resolvePath(base, path, follow && !exclusive, place => {
    const stats = statPlace(place);
    if (stats !== undefined && exclusive) throw 'exist';
    if (stats?.isSymbolicLink()) throw 'loop';
    if (stats?.isDirectory()) {
      if (write || open.create || open.truncate) throw 'is-directory';
      const directory = openDirectoryAt(place.directory, place.name ?? '.');
      return { fd: directory.fd, directory };
    }
    if (stats === undefined && !open.create) throw 'no-entry';
    // A file can't be created under a name that says it is a directory.
    if (stats === undefined && place.mustBeDirectory) throw 'is-directory';
    if (open.directory || place.mustBeDirectory) throw 'not-directory';
    // Opening some devices does something: they are not opened to find out.
    if (stats !== undefined && !stats.isFile()) throw 'access';
    const access =
      write || open.truncate ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY;
    const how =
      access |
      (open.create ? constants.O_CREAT : 0) |
      (exclusive ? constants.O_EXCL : 0) |
      (open.truncate ? constants.O_TRUNC : 0);
    const fd = system(() => openSync(at(place.directory, place.name!), how | OPEN_SAFELY, 0o666));
    // It may be another one than a moment ago.
    if (fstatSync(fd).isFile()) return { fd, directory: undefined };
    closeSync(fd);
    throw 'access';
  });
}

export function statPath(base: Directory, path: string, follow: boolean): BigIntStats {
  return resolvePath(base, path, follow, statExisting);
}

export function makeDirectory(base: Directory, path: string): void {
  resolvePath(base, path, false, place => {
    if (place.name === undefined) throw 'exist';
    const target = at(place.directory, place.name);
    system(() => mkdirSync(target));
  });
}

export function removeDirectory(base: Directory, path: string): void {
  resolvePath(base, path, false, place => {
    if (place.name === undefined) throw 'invalid';
    const target = at(place.directory, place.name);
    system(() => rmdirSync(target));
  });
}

export function unlinkFile(base: Directory, path: string): void {
  resolvePath(base, path, false, place => {
    if (statExisting(place).isDirectory()) throw 'is-directory';
    const target = at(place.directory, place.name!);
    system(() => unlinkSync(target));
  });
}

export function renamePath(base: Directory, path: string, newBase: Directory, newPath: string): void {
  resolvePath(base, path, false, from => {
    const directory = statExisting(from).isDirectory();
    resolvePath(newBase, newPath, false, to => {
      if (from.name === undefined || to.name === undefined) throw 'busy';
      if (to.mustBeDirectory && !directory) throw 'not-directory';
      const source = at(from.directory, from.name);
      const target = at(to.directory, to.name);
      system(() => renameSync(source, target));
    });
  });
}

export function linkPath(base: Directory, path: string, newBase: Directory, newPath: string): void {
  resolvePath(base, path, false, from => {
    const stats = statExisting(from);
    // Not every system makes the second name one of the link itself: some follow it.
    if (stats.isDirectory() || stats.isSymbolicLink()) throw 'not-permitted';
    resolvePath(newBase, newPath, false, to => {
      if (to.name === undefined) throw 'exist';
      if (to.mustBeDirectory) throw 'not-directory';
      const source = at(from.directory, from.name!);
      const target = at(to.directory, to.name);
      system(() => linkSync(source, target));
    });
  });
}

/**
 * Makes a link to something below its own directory. Throws `not-permitted` for any other text: we would not follow
 * it out, but whoever else reads the directory would.
 */
export function symlinkPath(base: Directory, text: string, path: string): void {
  if (text === '') throw 'no-entry';
  if (text.includes('\0')) throw 'invalid';
  if (Buffer.byteLength(text) >= PATH_MAX_BYTES) throw 'name-too-long';
  if (text.startsWith('/') || text.split('/').includes('..')) throw 'not-permitted';
  resolvePath(base, path, false, place => {
    if (place.name === undefined) throw 'exist';
    if (place.mustBeDirectory) throw 'no-entry';
    const link = at(place.directory, place.name);
    system(() => symlinkSync(text, link));
  });
}

/** The text of a link. Throws `not-permitted` for an absolute one, which tells of the host's directories. */
export function readlinkPath(base: Directory, path: string): string {
  return resolvePath(base, path, false, place => {
    if (!statExisting(place).isSymbolicLink()) throw 'invalid';
    const link = at(place.directory, place.name!);
    const text = system(() => readlinkSync(link));
    if (text.startsWith('/')) throw 'not-permitted';
    return text;
  });
}

export function setPathTimes(
  base: Directory,
  path: string,
  follow: boolean,
  access: NewTimestamp,
  modification: NewTimestamp,
): void {
  resolvePath(base, path, follow, place => {
    const stats = statExisting(place);
    const atime = secondsOf(access, stats.atimeNs);
    const mtime = secondsOf(modification, stats.mtimeNs);
    const { directory, name } = place;
    if (name === undefined) return system(() => futimesSync(directory.fd, atime, mtime));
    const target = at(directory, name);
    system(() => lutimesSync(target, atime, mtime));
  });
}

/** Undefined: there is nothing. Links are not followed. Throws `not-directory`. */
function statPlace(place: Place): BigIntStats | undefined {
  const { directory, name } = place;
  if (name === undefined) return system(() => fstatSync(directory.fd, { bigint: true }));
  const target = at(directory, name);
  return system(() => lstatSync(target, { bigint: true, throwIfNoEntry: false }));
}

/** Throws `no-entry`, `not-directory`. */
function statExisting(place: Place): BigIntStats {
  const stats = statPlace(place);
  if (stats === undefined) throw 'no-entry';
  if (place.mustBeDirectory && !stats.isDirectory()) throw 'not-directory';
  return stats;
}
