import { closeSync, lstatSync, readlinkSync } from 'node:fs';
import { system } from './codes.ts';
import { at, type Directory, openDirectoryAt } from './handles.ts';

/** Linux's PATH_MAX and its limit of links in one path. */
export const PATH_MAX_BYTES = 4096;
export const LINKS_MAX = 40;
/** Components looked at for one path, those of links included: each costs a system call that nothing interrupts. */
export const STEPS_MAX = 512;
/** Directories open at once while a path is resolved. */
export const DEPTH_MAX = 128;

/** Where a path ends: its last component in an open directory. */
export interface Place {
  readonly directory: Directory;
  /** One component, not `.` or `..`; undefined: the directory itself. */
  readonly name: string | undefined;
  /** The path ends in a slash or dot: it has to be a directory. */
  readonly mustBeDirectory: boolean;
}

/**
 * Finds what the guest's `path` names below `base` and calls `use` while its directory is open. Component by
 * component, each opened in the one before without following links; links are followed here, by their text, so that
 * they can't lead out: a `..` goes back to the directory we came from and never above `base`. The last component is
 * followed if `follow`, or if the path says it is a directory.
 *
 * Throws ErrorCode: `not-permitted` for what leads out of `base` (`..`, absolute paths and links); `no-entry` for an
 * empty path; `invalid` for NUL; `name-too-long`; `loop`; and what opening the directories gives.
 */
export function resolvePath<T>(base: Directory, path: string, follow: boolean, use: (place: Place) => T): T {
  checkPath(path);
  const stack: Directory[] = [base];
  try {
    return use(walk(stack, path, follow));
  } finally {
    for (const directory of stack.slice(1)) closeSync(directory.fd);
  }
}

function walk(stack: Directory[], path: string, follow: boolean): Place {
  const pending = components(path);
  let mustBeDirectory = endsAsDirectory(path);
  let links = 0;
  for (let steps = 0; ; steps++) {
    if (steps > STEPS_MAX) throw 'name-too-long';
    const directory = stack.at(-1)!;
    const name = pending.pop();
    if (name === undefined) return { directory, name: undefined, mustBeDirectory: true };
    if (name === '..') {
      if (stack.length === 1) throw 'not-permitted';
      closeSync(stack.pop()!.fd);
      continue;
    }
    const last = pending.length === 0;
    if (last && !follow && !mustBeDirectory) return { directory, name, mustBeDirectory };
    let target: string | undefined;
    if (last) {
      target = linkText(directory, name);
      if (target === undefined) return { directory, name, mustBeDirectory };
    } else {
      const next = enter(directory, name);
      if (typeof next !== 'string') {
        stack.push(next);
        if (stack.length > DEPTH_MAX) throw 'name-too-long';
        continue;
      }
      target = next;
    }
    links++;
    if (links > LINKS_MAX) throw 'loop';
    checkPath(target);
    if (last) mustBeDirectory ||= endsAsDirectory(target);
    pending.push(...components(target));
  }
}

/** The directory `name`, or the text of the link that it is. */
function enter(directory: Directory, name: string): Directory | string {
  try {
    return openDirectoryAt(directory, name);
  } catch (error) {
    // What Linux and others answer for a link with O_NOFOLLOW and O_DIRECTORY.
    if (error !== 'not-directory' && error !== 'loop' && error !== 'too-many-links') throw error;
    const target = linkText(directory, name);
    if (target === undefined) throw 'not-directory';
    return target;
  }
}

/** The text of the link `name`; undefined when it is something else or nothing. */
function linkText(directory: Directory, name: string): string | undefined {
  const path = at(directory, name);
  const stat = system(() => lstatSync(path, { throwIfNoEntry: false }));
  if (stat === undefined || !stat.isSymbolicLink()) return undefined;
  return system(() => readlinkSync(path));
}

function checkPath(path: string): void {
  if (path === '') throw 'no-entry';
  if (path.includes('\0')) throw 'invalid';
  if (path.startsWith('/')) throw 'not-permitted';
  if (Buffer.byteLength(path) > PATH_MAX_BYTES) throw 'name-too-long';
}

/** Last one first, without those that mean nothing. */
function components(path: string): string[] {
  return path
    .split('/')
    .filter(name => name !== '' && name !== '.')
    .reverse();
}

const endsAsDirectory = (path: string) => /(?:^|\/)\.{0,2}$/.test(path);
