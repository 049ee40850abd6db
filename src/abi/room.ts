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

/**
 * Whether a guest may put another field into the map. Bytes are counted exactly only when what guests added so far
 * could have made it too large.
 */
export function hasRoom(host: Host, fields: FieldMap, name: string, bytes: number): boolean {
  const { headerCount, headerBytes } = host.limits;
  // A full map may still have a value replaced: one that grows by it is one too many, and no more than that.
  if (
    fields.raw.length > 2 * headerCount ||
    (fields.raw.length === 2 * headerCount && fields.get(name) === undefined)
  ) {
    host.hit('headerCount');
    return false;
  }
  if (fields.reserve(bytes, headerBytes)) return true;
  host.hit('headerBytes');
  return false;
}
