import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Located } from './document.ts';
import type { PathKey } from './path.ts';
import { entries, type Fault, known } from './reference.ts';
import { parseTcp } from './units.ts';

interface Surroundings {
  /** What paths are relative to. */
  readonly file: string;
  readonly upstreams: ReadonlySet<string>;
  readonly fault: Fault;
}

/** A file that isn't there, or can't be read. */
export function checkFile(
  reference: Located | undefined,
  path: readonly PathKey[],
  file: string,
  fault: Fault,
): void {
  if (typeof reference?.value !== 'string' || reference.value === '') return;
  const wrong = fileFault(resolve(dirname(file), reference.value), isFile, constants.R_OK);
  if (wrong !== '') fault(reference.place, path, wrong, 'a path to a file, relative to this file');
}

/** Files that a filter names, upstreams it may reach, entries given twice. */
export function checkFilter(filter: Located, path: readonly PathKey[], around: Surroundings): void {
  const { file, upstreams, fault } = around;
  const isModule = (module: Located, at: readonly PathKey[]): void => {
    const { value } = module;
    if (typeof value !== 'string' || value === '' || value.includes('://')) return;
    const wrong = fileFault(resolve(dirname(file), value), isFile, constants.R_OK);
    if (wrong !== '') fault(module.place, at, wrong, 'a path to a .wasm file, relative to this file');
  };

  const module = filter.children.get('module');
  if (module !== undefined) isModule(module, [...path, 'module']);
  const plugs = entries(filter, 'plugs');
  for (const [index, plug] of plugs) isModule(plug, [...path, 'plugs', index]);
  const plugPath = (value: string): string => resolve(dirname(file), value);
  unique(plugs, [...path, 'plugs'], plugPath, fault);

  const granted = filter.children.get('capabilities');
  const below = [...path, 'capabilities'];
  for (const [index, name] of entries(granted, 'upstreams')) {
    known(name, [...below, 'upstreams', index], 'upstream', upstreams, fault);
  }
  const own = filter.children.get('env')?.children;
  for (const [index, variable] of entries(granted, 'env')) {
    const twin = typeof variable.value === 'string' ? own?.get(variable.value) : undefined;
    if (twin === undefined) continue;
    const message = `${variable.value} has a value in env on line ${twin.keyPlace.line}`;
    fault(
      variable.place,
      [...below, 'env', index],
      message,
      "remove one: this list passes Weir's own value on",
    );
  }
  const same = (value: string): string => value;
  for (const key of ['upstreams', 'env', 'clocks'])
    unique(entries(granted, key), [...below, key], same, fault);
  unique(entries(granted, 'tcp'), [...below, 'tcp'], placeName, fault);
  checkDirectories(entries(granted, 'directories'), [...below, 'directories'], around);
}

function checkDirectories(
  list: readonly [PathKey, Located][],
  path: readonly PathKey[],
  { file, fault }: Surroundings,
): void {
  const guests = new Map<unknown, number>();
  for (const [index, { children }] of list) {
    const guest = children.get('guest');
    const first = guests.get(guest?.value);
    if (guest !== undefined && first !== undefined) {
      const message = `${JSON.stringify(guest.value)} is taken on line ${first}`;
      fault(guest.place, [...path, index, 'guest'], message, 'give each directory a path of its own');
    } else if (typeof guest?.value === 'string') guests.set(guest.value, guest.place.line);
    const host = children.get('host');
    if (typeof host?.value !== 'string' || host.value === '') continue;
    const mode = children.get('access')?.value === 'write' ? constants.R_OK | constants.W_OK : constants.R_OK;
    const wrong = fileFault(resolve(dirname(file), host.value), isDirectory, mode);
    const remedy = 'a path to a directory, relative to this file';
    if (wrong !== '') fault(host.place, [...path, index, 'host'], wrong, remedy);
  }
}

/** A fault for each text that means the same as one before. */
function unique(
  list: readonly [PathKey, Located][],
  path: readonly PathKey[],
  meaning: (value: string) => string,
  fault: Fault,
): void {
  const seen = new Map<string, number>();
  for (const [index, { value, place }] of list) {
    if (typeof value !== 'string' || value === '') continue;
    const first = seen.get(meaning(value));
    if (first === undefined) seen.set(meaning(value), place.line);
    else fault(place, [...path, index], `is listed on line ${first} already`, 'remove one');
  }
}

function placeName(value: string): string {
  const place = parseTcp(value);
  return place === undefined ? value : `${place.host} ${place.port}`;
}

function isFile(stat: Stats): string {
  if (stat.isDirectory()) return 'is a directory';
  return stat.isFile() ? '' : 'is not a regular file';
}

function isDirectory(stat: Stats): string {
  return stat.isDirectory() ? '' : 'is not a directory';
}

/** Why the file can't be used so; empty when it can. */
function fileFault(path: string, wrong: (stat: Stats) => string, mode: number): string {
  const deed = (mode & constants.W_OK) === 0 ? 'read' : 'read and written';
  try {
    const fault = wrong(statSync(path));
    if (fault !== '') return `${path} ${fault}`;
    accessSync(path, mode);
    return '';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return `${path} does not exist`;
    if (code === 'EACCES') return `${path} can not be ${deed}: permission denied`;
    if (code === 'EROFS') return `${path} can not be written: it is on a read-only file system`;
    return `${path} can not be ${deed}: ${code ?? (error as Error).message}`;
  }
}
