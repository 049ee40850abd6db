/** Texts up to this length are kept, so many of them, a power of two: a guest asks for the same ones all the time. */
const KEPT_LENGTH = 64;
const KEPT = 64;

/**
 * The linear memory of one instance, seen through checked accessors. Pointers and sizes come from the guest:
 * they are read as u32 and nothing is touched unless the whole range lies inside the memory as it is now
 * (growth detaches the old buffer, so every check looks for that first).
 */
export class GuestMemory {
  readonly #memory: WebAssembly.Memory;
  #bytes: Buffer;
  #view: DataView;
  /** Made when the first one is read. */
  #texts: string[] = [];

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
    this.#bytes = Buffer.from(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** Size in bytes, now. */
  get size(): number {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes.length;
  }

  #refresh(): void {
    const buffer = this.#memory.buffer;
    this.#bytes = Buffer.from(buffer);
    this.#view = new DataView(buffer);
  }

  /** True when [ptr, ptr + size) lies inside. Both are taken as u32. */
  has(ptr: number, size: number): boolean {
    const end = (ptr >>> 0) + (size >>> 0);
    // A length of 0: the memory grew, and the view is detached; an empty range lies in there and can't be copied.
    const length = this.#bytes.length;
    if (end <= length && length > 0) return true;
    // A shared memory grows without detaching: look again before saying no.
    this.#refresh();
    return end <= this.#bytes.length;
  }

  // Whoever calls what follows has asked `has` for the same range, and no guest code ran since.

  /** Bytes as a latin1 string: one character per byte, none lost. */
  latin1(ptr: number, size: number): string {
    const start = ptr >>> 0;
    const n = size >>> 0;
    const bytes = this.#bytes;
    if (n > KEPT_LENGTH) return bytes.toString('latin1', start, start + n);
    if (this.#texts.length === 0) this.#texts = new Array<string>(KEPT).fill('');
    const slot = (start ^ n) & (KEPT - 1);
    const kept = this.#texts[slot]!;
    // Mostly the one that was here last time: to compare beats making it again, by 2 to 4 times.
    if (kept.length === n) {
      let i = 0;
      while (i < n && kept.charCodeAt(i) === bytes[start + i]) i++;
      if (i === n) return kept;
    }
    const text = bytes.toString('latin1', start, start + n);
    this.#texts[slot] = text;
    return text;
  }

  /** Bytes as text for people: invalid UTF-8 becomes U+FFFD. */
  utf8(ptr: number, size: number): string {
    return this.#bytes.toString('utf8', ptr >>> 0, (ptr >>> 0) + (size >>> 0));
  }

  /** A copy. */
  copy(ptr: number, size: number): Buffer {
    const start = ptr >>> 0;
    return Buffer.from(this.#bytes.subarray(start, start + (size >>> 0)));
  }

  /** The live bytes: valid until guest code runs again. */
  get bytes(): Buffer {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  u32(ptr: number): number {
    return this.#view.getUint32(ptr >>> 0, true);
  }

  setU32(ptr: number, value: number): void {
    this.#view.setUint32(ptr >>> 0, value, true);
  }

  setU64(ptr: number, value: bigint): void {
    this.#view.setBigUint64(ptr >>> 0, value, true);
  }

  setU8(ptr: number, value: number): void {
    this.#view.setUint8(ptr >>> 0, value);
  }

  writeLatin1(ptr: number, text: string): void {
    this.#bytes.write(text, ptr >>> 0, 'latin1');
  }

  write(ptr: number, data: Uint8Array): void {
    this.#bytes.set(data, ptr >>> 0);
  }
}

/** What hostcalls see of a guest that has no memory: no pointer is good. */
export const NO_MEMORY = new GuestMemory(new WebAssembly.Memory({ initial: 0, maximum: 0 }));
