import { ConfigError, formatIssue, type WeirError } from '../errors.ts';

/** What the person reads about an error: one line per fault. */
export function errorLines(error: WeirError): string[] {
  return error instanceof ConfigError ? error.issues.map(formatIssue) : [`weir: ${error.message}`];
}
