import type { Host } from '../../abi/host.ts';
import { canHold, hasRoom } from '../../abi/room.ts';
import type { FieldMap } from '../../message/fields.ts';
import { BAD_ARGUMENT, LIMIT_REACHED, OK, UNAVAILABLE } from './types.ts';

/** What hostcalls do once their arguments are values of JavaScript: the same for both roads into a component. */

/** A field in place of those of that name, or beside them. `name` in lower case. */
export function put(host: Host, map: number, name: string, value: string, replaces: boolean): number {
  const fields = host.writableFields(map);
  if (fields === undefined) return UNAVAILABLE;
  const bytes = name.length + value.length;
  if (!canHold(host, bytes) || !hasRoom(host, fields, name, bytes, replaces)) return LIMIT_REACHED;
  const done = replaces ? fields.replace(name, value) : fields.add(name, value);
  return done ? OK : BAD_ARGUMENT;
}

export function remove(host: Host, map: number, name: string): number {
  const fields = host.writableFields(map);
  if (fields === undefined) return UNAVAILABLE;
  return fields.remove(name) ? OK : BAD_ARGUMENT;
}

/** All but pseudo headers. */
export function clear(host: Host, map: number): number {
  const fields: FieldMap | undefined = host.writableFields(map);
  if (fields === undefined) return UNAVAILABLE;
  return fields.setPairs([]) ? OK : BAD_ARGUMENT;
}

/** Bytes that a range of a body has. */
export function readable(length: number, start: number, size: number): number {
  return start >= length ? 0 : Math.min(size, length - start);
}

/** `size` bytes from `start` give way to `added` bytes: may they? */
export function mayWrite(host: Host, length: number, start: number, size: number, added: number): boolean {
  const after = length - readable(length, start, size) + added;
  if (after <= length || after <= host.limits.bufferedBody) return true;
  host.hit('bufferedBody');
  return false;
}

/** A path longer than this names nothing. */
export const PATH_MAX_BYTES = 4096;

/** A path as contexts know it: a NUL at the end is ignored. */
export function pathOf(path: string): string {
  return path.endsWith('\0') ? path.slice(0, -1) : path;
}
