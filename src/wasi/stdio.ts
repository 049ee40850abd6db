import { StringDecoder } from 'node:string_decoder';

/** A line longer than this is logged in pieces. */
const LINE_MAX_CHARACTERS = 16 * 1024;
/** Further lines of one write are counted. */
const LINES_MAX = 256;

/**
 * What a guest writes to stdout or stderr, made into log lines: partial writes are joined, trailing newlines
 * dropped. What has no newline yet is logged when the guest returns.
 */
export class LineBuffer {
  readonly #emit: (line: string) => void;
  /** Keeps the first bytes of a character whose others come with the next write. */
  readonly #decoder = new StringDecoder('utf8');
  #partial = '';

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(bytes: Buffer): void {
    const lines = (this.#partial + this.#decoder.write(bytes)).split('\n');
    this.#partial = lines.pop()!;
    const more = lines.length - LINES_MAX;
    // As many as anybody reads: each costs the log time, and this can't be interrupted.
    if (more > 0) lines.length = LINES_MAX;
    for (const line of lines) this.#emit(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (more > 0) this.#emit(`(${more} more lines)`);
    if (this.#partial.length > LINE_MAX_CHARACTERS) this.#emitPartial();
  }

  flush(): void {
    this.#partial += this.#decoder.end();
    this.#emitPartial();
  }

  #emitPartial(): void {
    if (this.#partial === '') return;
    const line = this.#partial;
    this.#partial = '';
    this.#emit(line);
  }
}
