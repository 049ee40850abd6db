import { bytesOf, type FieldMap, type RawFields } from '../message/fields.ts';
import type { Host } from './host.ts';

/** Whether a guest may have a map of these fields; counts a limit that says no. */
export function fits(host: Host, fields: RawFields): boolean {
  const { headerCount, headerBytes } = host.limits;
  if (fields.length > 2 * headerCount) {
    host.hit('headerCount');
    return false;
  }
  if (bytesOf(fields) <= headerBytes) return true;
  host.hit('headerBytes');
  return false;
}

/** Whether a guest may put so many bytes into any map: asked before they are read. */
export function canHold(host: Host, bytes: number): boolean {
  if (bytes <= host.limits.headerBytes) return true;
  host.hit('headerBytes');
  return false;
}

/** Whether a guest may put a field of so many bytes into the map, in place of those of that name or beside them. */
export function hasRoom(
  host: Host,
  fields: FieldMap,
  name: string,
  bytes: number,
  replaces: boolean,
): boolean {
  const { headerCount, headerBytes } = host.limits;
  const full = fields.raw.length >= 2 * headerCount;
  if (full && !(replaces && fields.get(name) !== undefined)) {
    host.hit('headerCount');
    return false;
  }
  if (fields.reserve(bytes, headerBytes, replaces ? name : '')) return true;
  host.hit('headerBytes');
  return false;
}
