import { ModuleError } from '../../errors.ts';

export const malformed = (message: string) => new ModuleError('MODULE_MALFORMED', message);
export const unsupported = (message: string) => new ModuleError('MODULE_UNSUPPORTED', message);
export const overLimit = (message: string) => new ModuleError('MODULE_LIMIT', message);

const UNITS = [
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
] as const;

/** A size in the largest unit that gives a whole number: messages never round. */
export function inBytes(size: number): string {
  for (const [unit, name] of UNITS) if (size >= unit && size % unit === 0) return `${size / unit} ${name}`;
  return `${size} bytes`;
}

export const hex = (value: number) => `0x${value.toString(16).padStart(2, '0')}`;
