import type { Log, LogLevel } from '../../src/log.ts';

export interface LogLine {
  readonly level: LogLevel;
  readonly filter: string | undefined;
  readonly message: string;
}

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** A log that keeps its lines. */
export class GuestLog implements Log {
  readonly level: LogLevel;
  readonly lines: LogLine[] = [];

  constructor(level: LogLevel = 'trace') {
    this.level = level;
  }

  #add(level: LogLevel, fields: object, message: string): void {
    this.lines.push({ level, filter: (fields as { filter?: string }).filter, message });
  }

  trace = (fields: object, message: string) => this.#add('trace', fields, message);
  debug = (fields: object, message: string) => this.#add('debug', fields, message);
  info = (fields: object, message: string) => this.#add('info', fields, message);
  warn = (fields: object, message: string) => this.#add('warn', fields, message);
  error = (fields: object, message: string) => this.#add('error', fields, message);
  fatal = (fields: object, message: string) => this.#add('fatal', fields, message);

  isLevelEnabled(level: string): boolean {
    return LEVELS.indexOf(level as LogLevel) >= LEVELS.indexOf(this.level);
  }

  /** Lines as `level message`. */
  get texts(): string[] {
    return this.lines.map(l => `${l.level} ${l.message}`);
  }
}
