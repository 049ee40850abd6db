import type { FieldMap, RawFields } from '../message/fields.ts';
import { RequestHeaders, ResponseHeaders } from '../message/headers.ts';

/** A map of fields as it was, pseudo headers and all. */
class Snapshot {
  readonly #map: FieldMap;
  readonly #raw: RawFields;
  readonly #mutated: boolean;
  readonly #pseudo: readonly string[] | number | undefined;

  constructor(map: FieldMap) {
    this.#map = map;
    this.#raw = map.raw.slice();
    this.#mutated = map.mutated;
    if (map instanceof RequestHeaders) this.#pseudo = [map.method, map.path, map.authority, map.scheme];
    else if (map instanceof ResponseHeaders) this.#pseudo = map.status;
  }

  restore(): void {
    const map = this.#map;
    map.raw = this.#raw;
    map.mutated = this.#mutated;
    const pseudo = this.#pseudo;
    if (map instanceof ResponseHeaders) map.status = pseudo as number;
    else if (map instanceof RequestHeaders)
      [map.method, map.path, map.authority, map.scheme] = pseudo as [string, string, string, string];
  }
}

/**
 * What of one message is at a filter now, as it came there, and whether what went on from there was what had come.
 * Chunks are never written to, so keeping references is enough.
 */
export class Pristine {
  /** Present while they are at the filter. */
  #headers: Snapshot | undefined;
  #trailers: Snapshot | undefined;
  #chunks: Buffer[] = [];
  #length = 0;
  #ended = false;
  /** Something left that had not come like that, or will never leave. */
  changed = false;

  /** More of this message is to come, and it would not fit to what left. */
  get damaged(): boolean {
    return this.changed && !this.#ended;
  }

  headersCame(map: FieldMap): void {
    this.#headers = new Snapshot(map);
  }

  headersLeft(): void {
    this.#headers = undefined;
  }

  /** The filter may write to them from here on; calls after the first do nothing. */
  trailersCame(map: FieldMap): void {
    this.#trailers ??= new Snapshot(map);
  }

  bodyCame(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** All that had come left as `data`. */
  bodyLeft(data: Buffer): void {
    if (!this.#same(data)) this.changed = true;
    this.forgetBody();
  }

  /** All that had come will never leave. */
  bodyLost(): void {
    if (this.#length > 0) this.changed = true;
    this.forgetBody();
  }

  /** The filter holds `held` bytes and may hold `limit`: what it took out of the body beyond that is not kept here. */
  bound(held: number, limit: number): void {
    if (this.#length > Math.max(held, limit)) this.bodyLost();
  }

  /** The end of the message left. */
  end(): void {
    this.#ended = true;
    this.#trailers = undefined;
  }

  /** Headers and trailers that are here become again what they were. */
  restore(): void {
    this.#headers?.restore();
    this.#headers = undefined;
    this.#trailers?.restore();
    this.#trailers = undefined;
  }

  /** The body that is here, as it came; it is no longer here then. */
  takeBody(): Buffer {
    const chunks = this.#chunks;
    const all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#length);
    this.forgetBody();
    return all;
  }

  forgetBody(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  #same(data: Buffer): boolean {
    if (data.length !== this.#length) return false;
    let at = 0;
    for (const chunk of this.#chunks) {
      const end = at + chunk.length;
      if (chunk !== data && data.compare(chunk, 0, chunk.length, at, end) !== 0) return false;
      at = end;
    }
    return true;
  }
}
