import { randomBytes } from 'node:crypto';
import { WasiTrap } from './trap.ts';

/** Most bytes of one call, as in preview 1: what the guest asks for is a u64. */
export const RANDOM_MAX_BYTES = 64 * 1024;

function bytes(len: bigint): Uint8Array {
  if (len > BigInt(RANDOM_MAX_BYTES)) {
    throw new WasiTrap(`${len} random bytes in one call: at most ${RANDOM_MAX_BYTES}`);
  }
  return randomBytes(Number(len));
}

const u64 = () => randomBytes(8).readBigUInt64LE();

/** `wasi:random` 0.2 (wit/*.wit of wasi-random); what may be insecure is as good as the rest. */
export const RANDOM_IMPORTS: Readonly<Record<string, object>> = {
  'wasi:random/random': { getRandomBytes: bytes, getRandomU64: u64 },
  'wasi:random/insecure': { getInsecureRandomBytes: bytes, getInsecureRandomU64: u64 },
  'wasi:random/insecure-seed': { insecureSeed: (): [bigint, bigint] => [u64(), u64()] },
};
