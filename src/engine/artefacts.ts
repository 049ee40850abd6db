import { LRUCache } from 'lru-cache';

/** What work on a module yielded: facts about it, as JSON, and bytes. */
export interface Artefact {
  readonly facts: unknown;
  readonly bytes: Uint8Array;
}

/** Where artefacts are kept, by a key that says all that went into them. Neither call throws. */
export interface Artefacts {
  get(key: string): Promise<Artefact | undefined>;
  put(key: string, artefact: Artefact): Promise<void>;
}

/**
 * Artefacts in memory, in front of those on disk. Nothing is kept before `begin`: as long as every module stays
 * compiled, nobody asks for its artefact twice.
 */
export class KeptArtefacts implements Artefacts {
  readonly #disk: Artefacts | undefined;
  #kept: LRUCache<string, Artefact> | undefined;

  constructor(disk: Artefacts | undefined) {
    this.#disk = disk;
  }

  /** Compiled modules are evicted: some of them will be asked for again. `maxBytes`: kept at the most. */
  begin(maxBytes: number): void {
    this.#kept ??= new LRUCache<string, Artefact>({
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }) => Math.max(1, bytes.length),
    });
  }

  /** Bytes in memory. */
  get bytes(): number {
    return this.#kept?.calculatedSize ?? 0;
  }

  /** Only so many bytes may stay in memory. */
  trim(maxBytes: number): void {
    const kept = this.#kept;
    while (kept !== undefined && kept.calculatedSize > maxBytes && kept.pop() !== undefined);
  }

  /** What is in memory. */
  peek(key: string): Artefact | undefined {
    return this.#kept?.get(key);
  }

  async get(key: string): Promise<Artefact | undefined> {
    const kept = this.#kept?.get(key);
    if (kept !== undefined) return kept;
    const artefact = await this.#disk?.get(key);
    if (artefact !== undefined) this.#kept?.set(key, artefact);
    return artefact;
  }

  async put(key: string, artefact: Artefact): Promise<void> {
    this.#kept?.set(key, artefact);
    await this.#disk?.put(key, artefact);
  }
}
