import type { Log } from '../../src/log.ts';

/** One line that was logged. */
export interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** A log that keeps what it is given. */
export class MemoryLog implements Log {
  readonly level = 'trace';
  readonly lines: LogLine[] = [];

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
  isLevelEnabled(): boolean {
    return true;
  }

  /** Lines of a level. */
  at(level: string): LogLine[] {
    return this.lines.filter(line => line.level === level);
  }

  #add(level: string, fields: object, message: string): void {
    this.lines.push({ level, fields: { ...fields }, message });
  }
}
