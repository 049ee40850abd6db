/** What failed, in one stable word. Codes never change meaning; messages may. */
export type ErrorCode =
  | 'CONFIG_INVALID'
  | 'MODULE_NOT_FOUND'
  | 'MODULE_NOT_WASM'
  | 'MODULE_MALFORMED'
  | 'MODULE_NO_ABI'
  | 'MODULE_IMPORT_UNKNOWN'
  | 'MODULE_EXPORT_INVALID'
  | 'MODULE_HASH_MISMATCH'
  | 'MODULE_UNSUPPORTED'
  | 'MODULE_LIMIT'
  | 'MODULE_NOT_GRANTED'
  | 'MODULE_WIT'
  | 'PLUGIN_START_FAILED'
  | 'PLUGIN_CONFIGURE_FAILED'
  | 'PLUGIN_DOWN'
  | 'PLUGIN_LIMIT'
  | 'GUEST_TRAP'
  | 'GUEST_TIMEOUT'
  | 'GUEST_EXIT'
  | 'UPSTREAM_CONNECT'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_RESET'
  | 'UPSTREAM_PROTOCOL'
  | 'LISTEN_FAILED'
  | 'WORKER_FAILED'
  | 'FUNCTIONS_INVALID'
  | 'BENCH_FAILED'
  | 'BENCH_REPORT_INVALID';

/** Base of every error Weir throws on purpose: `code` is stable, `message` is one line for a person. */
export class WeirError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** One fault in a configuration file: where it is, what is wrong, what would be right. */
export interface ConfigIssue {
  /** File the fault is in, as the user named it. */
  readonly file: string;
  /** 1-based; 0 when the fault has no place in the text. */
  readonly line: number;
  readonly column: number;
  /** Dotted path in the document, for example `listeners[0].routes[1].upstream`. */
  readonly path: string;
  readonly message: string;
  /** What to write instead; empty when the message says it. */
  readonly remedy: string;
}

/** The configuration is wrong; `issues` holds every fault found, in file order. */
export class ConfigError extends WeirError {
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[]) {
    super('CONFIG_INVALID', issues.map(formatIssue).join('\n'));
    this.issues = issues;
  }
}

/** `file:line:column: path: message (remedy)`, the form editors jump to. */
export function formatIssue(issue: ConfigIssue): string {
  const place = issue.line > 0 ? `${issue.file}:${issue.line}:${issue.column}` : issue.file;
  const path = issue.path === '' ? '' : `${issue.path}: `;
  const remedy = issue.remedy === '' ? '' : ` (${issue.remedy})`;
  return `${place}: ${path}${issue.message}${remedy}`;
}

/** A module can't be used as a filter: found at load, before any of it ran. */
export class ModuleError extends WeirError {}

/** A plugin refused to start, or failed while starting. */
export class PluginError extends WeirError {}

/** What is known of Weir's own state when a guest died: `unknown` when it was inside a hostcall that failed. */
export type HostState = 'whole' | 'unknown';

/** The guest trapped, ran too long, called proc_exit or made the host give up on it: its VM is dead. */
export class GuestError extends WeirError {
  /** Name of the filter that ran. */
  readonly filter: string;
  /** The callback it was in, for example `proxy_on_request_headers`. */
  readonly callback: string;
  /** Only when it is whole can a stream go on without the filter. */
  readonly hostState: HostState;

  constructor(
    code: ErrorCode,
    filter: string,
    callback: string,
    message: string,
    options?: ErrorOptions & { readonly hostState?: HostState },
  ) {
    super(code, `${callback}: ${message}`, options);
    this.filter = filter;
    this.callback = callback;
    this.hostState = options?.hostState ?? 'whole';
  }
}

/** Which part of an exchange with an upstream failed. */
export type UpstreamPhase = 'connect' | 'request' | 'response';

/** An upstream could not be reached, did not answer, or broke off. */
export class UpstreamError extends WeirError {
  readonly phase: UpstreamPhase;

  constructor(code: ErrorCode, phase: UpstreamPhase, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.phase = phase;
  }
}
