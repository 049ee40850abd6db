import { pairsToBytes } from '../abi/pairs.ts';
import type { FieldMap } from '../message/fields.ts';
import type { Metadata } from '../message/info.ts';

/** A property before it has its binary form (specification, "Properties"; Envoy, "Attributes"). Strings are latin1. */
export type PropertyValue = string | number | bigint | boolean | FieldMap | Buffer | undefined;

const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Milliseconds to nanoseconds, as a duration or timestamp. */
export function nanoseconds(milliseconds: number): bigint {
  return (BigInt(Math.round(milliseconds * 1000)) * NANOSECONDS_PER_MILLISECOND) / 1000n;
}

/** Names from the configuration: unlike what comes from HTTP they are not one byte a character. */
export function utf8(text: string): Buffer {
  return Buffer.from(text);
}

/** An empty string is none. */
export function present(text: string): Buffer | undefined {
  return text === '' ? undefined : utf8(text);
}

/**
 * Strings are their bytes, numbers 8 bytes little-endian, booleans one byte, maps serialized pairs, timestamps and
 * durations nanoseconds as numbers.
 */
export function encode(value: PropertyValue): Uint8Array | undefined {
  switch (typeof value) {
    case 'string':
      return Buffer.from(value, 'latin1');
    case 'boolean':
      return Buffer.from([value ? 1 : 0]);
    case 'number':
    case 'bigint': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      return bytes;
    }
    case 'object':
      return Buffer.isBuffer(value) ? value : pairsToBytes(value.pairs());
    default:
      return undefined;
  }
}

/** One value, or all of a namespace as a map. Numbers are doubles, as in Envoy's metadata. */
export function metadata(of: Metadata | undefined, kind: string, path: readonly string[]): PropertyValue {
  if (of === undefined || kind !== 'filter_metadata') return undefined;
  const [namespace, key, ...more] = path.map(part => Buffer.from(part, 'latin1').toString());
  if (namespace === undefined || more.length > 0 || !Object.hasOwn(of, namespace)) return undefined;
  const values = of[namespace]!;
  if (key !== undefined) return Object.hasOwn(values, key) ? metadataBytes(values[key]!) : undefined;
  return pairsToBytes(
    Object.entries(values).flatMap(pair => pair.map(part => metadataBytes(part).toString('latin1'))),
  );
}

function metadataBytes(value: string | number | boolean): Buffer {
  if (typeof value === 'string') return utf8(value);
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}
