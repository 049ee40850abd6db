import type { FieldMap } from '../../message/fields.ts';
import type { Guest, HostcallFactory, HostcallTable } from '../guest.ts';
import { pairsSize, readPairs, writePairs } from '../pairs.ts';
import { returnLatin1 } from '../results.ts';
import { canHold, fits, hasRoom } from '../room.ts';
import { MAP_TYPE_MAX, Status } from '../types.ts';

/** A name longer than this is no field's: nobody makes a string of it. */
const NAME_MAX_BYTES = 64 * 1024;

/** Names reach and leave a guest in lower case. The range must have been checked. */
function nameAt(guest: Guest, ptr: number, size: number): string {
  return guest.memory.latin1(ptr, size).toLowerCase();
}

/** A hostcall that takes a map, a name and a value. OK; BAD_ARGUMENT; INVALID_MEMORY_ACCESS. */
function setter(
  set: (fields: FieldMap, name: string, value: string) => boolean,
  replaces: boolean,
): HostcallFactory {
  return guest => (map: number, keyPtr: number, keySize: number, valuePtr: number, valueSize: number) => {
    if (map >>> 0 > MAP_TYPE_MAX) return Status.BAD_ARGUMENT;
    const fields = guest.host.writableFields(map);
    if (fields === undefined) return Status.BAD_ARGUMENT;
    const memory = guest.memory;
    if (!memory.has(keyPtr, keySize) || !memory.has(valuePtr, valueSize)) return Status.INVALID_MEMORY_ACCESS;
    const { host } = guest;
    const bytes = (keySize >>> 0) + (valueSize >>> 0);
    if (!canHold(host, bytes)) return Status.BAD_ARGUMENT;
    const name = nameAt(guest, keyPtr, keySize);
    if (!hasRoom(host, fields, name, bytes, replaces)) return Status.BAD_ARGUMENT;
    const ok = set(fields, name, memory.latin1(valuePtr, valueSize));
    return ok ? Status.OK : Status.BAD_ARGUMENT;
  };
}

/**
 * Chapter "HTTP fields". A map that this context may not use now is BAD_ARGUMENT (as in Envoy), except that
 * reading all its pairs gives the empty map; names and values that are not legal fields (RFC 9110 section 5) are
 * BAD_ARGUMENT and change nothing.
 */
export const fields: HostcallTable = {
  /**
   * `proxy_get_header_map_size(map, return_size: *usize) -> status`: the size of the serialized map.
   * OK; BAD_ARGUMENT; INVALID_MEMORY_ACCESS.
   */
  proxy_get_header_map_size: guest => (map: number, sizePtr: number) => {
    if (map >>> 0 > MAP_TYPE_MAX) return Status.BAD_ARGUMENT;
    const fields = guest.host.fields(map);
    if (fields === undefined) return Status.BAD_ARGUMENT;
    if (!guest.memory.has(sizePtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    guest.memory.setU32(sizePtr, pairsSize(fields.pairs()));
    return Status.OK;
  },

  /**
   * `proxy_get_header_map_pairs(map, return_data: **u8, return_size: *usize) -> status`.
   * OK; BAD_ARGUMENT for an unknown map; INVALID_MEMORY_ACCESS.
   */
  proxy_get_header_map_pairs: guest => (map: number, ptrPtr: number, sizePtr: number) => {
    if (map >>> 0 > MAP_TYPE_MAX) return Status.BAD_ARGUMENT;
    const memory = guest.memory;
    if (!memory.has(ptrPtr, 4) || !memory.has(sizePtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    const pairs = guest.host.fields(map)?.pairs() ?? [];
    const size = pairsSize(pairs);
    let address = 0;
    if (size > 0) {
      address = guest.allocate(size);
      if (address === 0) return Status.INVALID_MEMORY_ACCESS;
      writePairs(memory, address, pairs);
    }
    memory.setU32(ptrPtr, address);
    memory.setU32(sizePtr, size);
    return Status.OK;
  },

  /**
   * `proxy_set_header_map_pairs(map, data: *u8, size) -> status`: replaces the map, all of it or nothing.
   * OK; BAD_ARGUMENT; INVALID_MEMORY_ACCESS.
   */
  proxy_set_header_map_pairs: guest => (map: number, ptr: number, size: number) => {
    if (map >>> 0 > MAP_TYPE_MAX) return Status.BAD_ARGUMENT;
    const fields = guest.host.writableFields(map);
    if (fields === undefined) return Status.BAD_ARGUMENT;
    if (!guest.memory.has(ptr, size)) return Status.INVALID_MEMORY_ACCESS;
    const pairs = readPairs(guest.memory, ptr, size);
    if (pairs === undefined || !fits(guest.host, pairs)) return Status.BAD_ARGUMENT;
    return fields.setPairs(pairs) ? Status.OK : Status.BAD_ARGUMENT;
  },

  /**
   * `proxy_get_header_map_value(map, key: *u8, key_size, return_data: **u8, return_size: *usize) -> status`: the
   * first value. OK; BAD_ARGUMENT; NOT_FOUND without such a field (0.1.0: OK and empty); INVALID_MEMORY_ACCESS.
   */
  proxy_get_header_map_value: guest => {
    const missing = guest.abi === '0.1.0';
    return (map: number, keyPtr: number, keySize: number, ptrPtr: number, sizePtr: number) => {
      if (map >>> 0 > MAP_TYPE_MAX) return Status.BAD_ARGUMENT;
      const fields = guest.host.fields(map);
      if (fields === undefined) return Status.BAD_ARGUMENT;
      if (!guest.memory.has(keyPtr, keySize)) return Status.INVALID_MEMORY_ACCESS;
      if (keySize >>> 0 > NAME_MAX_BYTES) return Status.BAD_ARGUMENT;
      const value = fields.get(nameAt(guest, keyPtr, keySize));
      if (value !== undefined) return returnLatin1(guest, value, ptrPtr, sizePtr);
      return missing ? returnLatin1(guest, '', ptrPtr, sizePtr) : Status.NOT_FOUND;
    };
  },

  /** `proxy_add_header_map_value(map, key: *u8, key_size, value: *u8, value_size) -> status`: appends. */
  proxy_add_header_map_value: setter((fields, name, value) => fields.add(name, value), false),

  /** `proxy_replace_header_map_value(map, key: *u8, key_size, value: *u8, value_size) -> status`: leaves one value. */
  proxy_replace_header_map_value: setter((fields, name, value) => fields.replace(name, value), true),

  /** `proxy_remove_header_map_value(map, key: *u8, key_size) -> status`: all values; OK also without any. */
  proxy_remove_header_map_value: guest => (map: number, keyPtr: number, keySize: number) => {
    if (map >>> 0 > MAP_TYPE_MAX) return Status.BAD_ARGUMENT;
    const fields = guest.host.writableFields(map);
    if (fields === undefined) return Status.BAD_ARGUMENT;
    if (!guest.memory.has(keyPtr, keySize)) return Status.INVALID_MEMORY_ACCESS;
    if (keySize >>> 0 > NAME_MAX_BYTES) return Status.BAD_ARGUMENT;
    return fields.remove(nameAt(guest, keyPtr, keySize)) ? Status.OK : Status.BAD_ARGUMENT;
  },
};
