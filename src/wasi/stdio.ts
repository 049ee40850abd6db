/** A line longer than this is logged in pieces. */
const LINE_MAX_CHARACTERS = 16 * 1024;

/**
 * What a guest writes to stdout or stderr, made into log lines: partial writes are joined, trailing newlines
 * dropped. What has no newline yet is logged when the guest returns.
 */
export class LineBuffer {
  readonly #emit: (line: string) => void;
  #partial = '';

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop()!;
    for (const line of lines) this.#emit(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (this.#partial.length > LINE_MAX_CHARACTERS) this.flush();
  }

  flush(): void {
    if (this.#partial === '') return;
    const line = this.#partial;
    this.#partial = '';
    this.#emit(line);
  }
}
