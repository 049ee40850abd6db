/** Severity names, least first: proxy_log_level_t in words, as pino names them. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** What Weir logs through; a pino logger is one. `fields` come before the message, as in pino. */
export interface Log {
  readonly level: string;
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  isLevelEnabled(level: string): boolean;
}
