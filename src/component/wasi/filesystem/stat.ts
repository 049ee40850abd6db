import { createHash } from 'node:crypto';
import type { BigIntStats, Dirent } from 'node:fs';
import { type Datetime, datetime } from '../clocks.ts';

/** Enum `descriptor-type`. */
export type DescriptorType =
  | 'unknown'
  | 'block-device'
  | 'character-device'
  | 'directory'
  | 'fifo'
  | 'symbolic-link'
  | 'regular-file'
  | 'socket';

/** Record `descriptor-stat`. */
export interface DescriptorStat {
  readonly type: DescriptorType;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime | undefined;
  readonly dataModificationTimestamp: Datetime | undefined;
  readonly statusChangeTimestamp: Datetime | undefined;
}

/** Variant `new-timestamp`. */
export type NewTimestamp =
  | { readonly tag: 'no-change' }
  | { readonly tag: 'now' }
  | { readonly tag: 'timestamp'; readonly val: Datetime };

type Kind = Pick<
  BigIntStats | Dirent,
  'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket' | 'isBlockDevice' | 'isCharacterDevice'
>;

export function typeOf(kind: Kind): DescriptorType {
  if (kind.isFile()) return 'regular-file';
  if (kind.isDirectory()) return 'directory';
  if (kind.isSymbolicLink()) return 'symbolic-link';
  if (kind.isFIFO()) return 'fifo';
  if (kind.isSocket()) return 'socket';
  if (kind.isBlockDevice()) return 'block-device';
  return kind.isCharacterDevice() ? 'character-device' : 'unknown';
}

export function statOf(stats: BigIntStats): DescriptorStat {
  return {
    type: typeOf(stats),
    linkCount: stats.nlink,
    size: stats.size,
    dataAccessTimestamp: datetime(stats.atimeNs),
    dataModificationTimestamp: datetime(stats.mtimeNs),
    statusChangeTimestamp: datetime(stats.ctimeNs),
  };
}

/** Record `metadata-hash-value`: which object it is, without telling the host's numbers of it. */
export function metadataHash(stats: BigIntStats): { lower: bigint; upper: bigint } {
  const hash = createHash('sha256').update(`${stats.dev}:${stats.ino}`).digest();
  return { lower: hash.readBigUInt64LE(0), upper: hash.readBigUInt64LE(8) };
}

/** Seconds for utimes, which loses what is below a microsecond. Throws `invalid` for a time no file system keeps. */
export function secondsOf(wanted: NewTimestamp, nowNanoseconds: bigint): number {
  if (wanted.tag === 'no-change') return Number(nowNanoseconds) / 1e9;
  if (wanted.tag === 'now') return Date.now() / 1e3;
  if (wanted.val.seconds > 0xffff_ffffn || wanted.val.nanoseconds >= 1e9) throw 'invalid';
  return Number(wanted.val.seconds) + wanted.val.nanoseconds / 1e9;
}
