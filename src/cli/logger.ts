import { createRequire } from 'node:module';
import { pino } from 'pino';
import type PinoPretty from 'pino-pretty';
import type { LogConfig } from '../config/types.ts';
import type { Log } from '../log.ts';

const require = createRequire(import.meta.url);

/**
 * The process's log, on stderr: one JSON object per line, or readable lines when `format` says so (`auto`: when
 * stderr is a terminal). Written at once, so that a crash loses nothing.
 */
export function createLog({ level, format }: LogConfig): Log {
  const readable = format === 'pretty' || (format === 'auto' && process.stderr.isTTY);
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!readable) return pino(options, pino.destination({ dest: 2, sync: true }));
  // Only a terminal needs it.
  const pretty = require('pino-pretty') as typeof PinoPretty;
  const colorize = process.stderr.isTTY && process.env['NO_COLOR'] === undefined;
  return pino(options, pretty({ destination: 2, sync: true, colorize, translateTime: 'SYS:HH:MM:ss.l' }));
}

const LINES_MAX = 8;

/**
 * Keeps what each filter itself logs as an error, its first lines, and how it first ended, for a command that prints its
 * findings itself.
 */
export class ErrorLines implements Log {
  readonly level = 'error';
  readonly #lines = new Map<string, string[]>();
  readonly #ends = new Map<string, string>();

  /** Lines of the filter of that name. */
  of(filter: string): readonly string[] {
    return this.#lines.get(filter) ?? [];
  }

  /** How the filter of that name first ended; undefined: it didn't. */
  endOf(filter: string): string | undefined {
    return this.#ends.get(filter);
  }

  error(fields: object, message: string): void {
    const { filter, code } = fields as { filter?: string; code?: string };
    if (filter === undefined) return;
    // With a code it is our report of its end.
    if (code !== undefined) {
      if (!this.#ends.has(filter)) this.#ends.set(filter, message);
      return;
    }
    const lines = this.#lines.get(filter) ?? [];
    this.#lines.set(filter, lines);
    if (lines.length < LINES_MAX) lines.push(message);
  }

  trace(): void {}
  debug(): void {}
  info(): void {}
  warn(): void {}
  fatal(): void {}

  isLevelEnabled(level: string): boolean {
    return level === 'error' || level === 'fatal';
  }
}
