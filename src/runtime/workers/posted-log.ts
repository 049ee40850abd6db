import type { Log, LogLevel } from '../../log.ts';
import type { LogLevels, PostedLine } from './messages.ts';
import { postedError } from './posted-error.ts';

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
/** Lines that may wait to be written. Beyond that, those less severe than errors are dropped, and counted. */
const WAITING_MAX = 10_000;
/** Lines that are posted in one message at the most. */
const BATCH = 64;
const AT_ONCE: ReadonlySet<LogLevel> = new Set(['warn', 'error', 'fatal']);

/** What a worker has to know of the log that the main thread writes. */
export function levelsOf(log: Log): LogLevels {
  const enabled = LEVELS.filter(level => log.isLevelEnabled(level));
  return { level: log.level, enabled, written: new SharedArrayBuffer(4) };
}

/** Writes lines that a worker posted. */
export function writeLines(
  log: Log,
  worker: number,
  { written }: LogLevels,
  lines: readonly PostedLine[],
): void {
  for (const [level, fields, message] of lines) log[level]({ worker, ...fields }, message);
  Atomics.add(new Int32Array(written), 0, lines.length);
}

/**
 * The log of a worker: lines go to the main thread, those of one turn of the event loop together, warnings and errors
 * with all before them at once. Whatever was posted is written, even when the worker has died since.
 */
export class PostedLog implements Log {
  readonly level: string;
  readonly #enabled: ReadonlySet<string>;
  readonly #written: Int32Array;
  readonly #post: (lines: readonly PostedLine[]) => void;
  #lines: PostedLine[] = [];
  #posted = 0;
  #dropped = 0;
  #timer: NodeJS.Immediate | undefined;

  constructor({ level, enabled, written }: LogLevels, post: (lines: readonly PostedLine[]) => void) {
    this.level = level;
    this.#enabled = new Set(enabled);
    this.#written = new Int32Array(written);
    this.#post = post;
  }

  trace(fields: object, message: string): void {
    this.#add('trace', fields, message);
  }
  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }
  fatal(fields: object, message: string): void {
    this.#add('fatal', fields, message);
  }

  isLevelEnabled(level: string): boolean {
    return this.#enabled.has(level);
  }

  /** Posts what waits. */
  flush(): void {
    clearImmediate(this.#timer);
    this.#timer = undefined;
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#posted = (this.#posted + lines.length) | 0;
    this.#post(lines);
  }

  #add(level: LogLevel, fields: object, message: string): void {
    if (!this.#enabled.has(level)) return;
    const waiting = (this.#posted - Atomics.load(this.#written, 0)) | 0;
    if (waiting >= WAITING_MAX && level !== 'error' && level !== 'fatal') {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const dropped = this.#dropped;
      this.#dropped = 0;
      this.#lines.push([
        'warn',
        { dropped },
        `${dropped} log lines dropped: they come faster than they can be written`,
      ]);
    }
    this.#lines.push([level, plain(fields), message]);
    if (AT_ONCE.has(level) || this.#lines.length >= BATCH) this.flush();
    else this.#timer ??= setImmediate(() => this.flush());
  }
}

/** As it can be posted: errors keep their code, and what can't be cloned becomes a text. */
function plain(fields: object): object {
  let copy: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(fields)) {
    const kind = typeof value;
    if (kind === 'string' || kind === 'number' || kind === 'boolean' || value === undefined) continue;
    copy ??= { ...fields };
    if (value instanceof Error) copy[key] = errorFields(value);
    else {
      try {
        copy[key] = structuredClone(value);
      } catch {
        copy[key] = String(value);
      }
    }
  }
  return copy ?? fields;
}

/** As pino writes an error. */
function errorFields(error: Error): object {
  const { name, message, stack } = postedError(error);
  const { code } = error as NodeJS.ErrnoException;
  return { type: name, message, stack, ...(code !== undefined && { code }) };
}
