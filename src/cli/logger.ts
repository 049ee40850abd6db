import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { LogConfig } from '../config/types.ts';
import type { Log } from '../log.ts';

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
  const colorize = process.stderr.isTTY && process.env['NO_COLOR'] === undefined;
  return pino(options, pretty({ destination: 2, sync: true, colorize, translateTime: 'SYS:HH:MM:ss.l' }));
}

/** Nothing is logged: for commands that print their findings themselves. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
