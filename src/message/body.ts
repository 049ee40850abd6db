/**
 * A body, or the part of it that is at hand, as the chunks it came in: nothing is joined until someone must have
 * it in one piece.
 */
export class BodyBuffer {
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(chunk?: Buffer) {
    if (chunk !== undefined) this.append(chunk);
  }

  /** Bytes. */
  get length(): number {
    return this.#length;
  }

  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Takes everything out, in one piece; joins only when there are several chunks. */
  take(): Buffer {
    const chunks = this.#chunks;
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#length);
    this.#chunks = [];
    this.#length = 0;
    return all;
  }

  /** Copies `size` bytes from `start` to `target` at `at`. The range must lie inside. */
  copyTo(target: Uint8Array, at: number, start: number, size: number): void {
    let skip = start;
    let left = size;
    let to = at;
    for (const chunk of this.#chunks) {
      if (left === 0) return;
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      const n = Math.min(chunk.length - skip, left);
      target.set(skip === 0 && n === chunk.length ? chunk : chunk.subarray(skip, skip + n), to);
      to += n;
      left -= n;
      skip = 0;
    }
  }

  /**
   * Replaces `size` bytes at `start` by `bytes` (which it keeps). A start at or past the end appends; a size
   * past the end replaces up to the end. Costs a join only when bytes in the middle stay on both sides.
   */
  splice(start: number, size: number, bytes: Buffer): void {
    if (start >= this.#length) {
      this.append(bytes);
      return;
    }
    const removed = Math.min(size, this.#length - start);
    if (start === 0 && removed === 0) {
      if (bytes.length > 0) this.#chunks.unshift(bytes);
    } else if (start === 0 && removed === this.#length) {
      this.#chunks = bytes.length > 0 ? [bytes] : [];
    } else {
      const all = Buffer.concat(this.#chunks, this.#length);
      this.#chunks = [all.subarray(0, start), bytes, all.subarray(start + removed)].filter(c => c.length > 0);
    }
    this.#length += bytes.length - removed;
  }
}
