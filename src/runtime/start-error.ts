import type { FilterConfig } from '../config/types.ts';
import { formatIssue, WeirError } from '../errors.ts';

/** Several things went wrong at start; the message has a line for each. */
export class StartError extends WeirError {
  readonly errors: readonly WeirError[];

  constructor(errors: readonly WeirError[]) {
    super(errors[0]!.code, errors.map(e => e.message).join('\n'));
    this.errors = errors;
  }
}

/** The same error, with the place in the configuration and the filter's name in front. */
export function placed(filter: FilterConfig, error: unknown): WeirError {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof WeirError ? error.code : 'PLUGIN_START_FAILED';
  const issue = { ...filter.place, path: `filters.${filter.name}`, message, remedy: '' };
  return new WeirError(code, formatIssue(issue), { cause: error });
}
