/**
 * HalfSipHash-1-3 of a latin1 string: guests choose the names, so the hash needs a key that they don't know.
 * `salt` is hashed before it. Result: 32 bits, signed.
 */
export function hash(key0: number, key1: number, salt: number, name: string): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const { length } = name;
  const words = (length >> 2) + 1;
  // The salt, the words of the name (the last one with its length), three more rounds.
  for (let i = -1; i < words + 3; i++) {
    let word = 0;
    if (i === -1) word = salt;
    else if (i < words) {
      const at = i << 2;
      // Past the end charCodeAt is NaN, which is 0 here.
      word =
        (name.charCodeAt(at) & 0xff) |
        ((name.charCodeAt(at + 1) & 0xff) << 8) |
        ((name.charCodeAt(at + 2) & 0xff) << 16);
      word |= i === words - 1 ? length << 24 : (name.charCodeAt(at + 3) & 0xff) << 24;
    } else if (i === words) v2 ^= 0xff;
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  return v1 ^ v3;
}
