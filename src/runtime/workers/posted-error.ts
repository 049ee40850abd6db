import { type ErrorCode, ModuleError, PluginError, WeirError } from '../../errors.ts';

/** An error on its way to another thread, which would take its class and code away. */
export interface PostedError {
  readonly name: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly stack: string;
  readonly cause: PostedError | undefined;
}

/** `otherwise`: the code of what is no error of Weir's. */
export function postedError(error: unknown, otherwise: ErrorCode = 'WORKER_FAILED'): PostedError {
  if (!(error instanceof Error)) {
    return { name: 'Error', code: otherwise, message: String(error), stack: '', cause: undefined };
  }
  const { name, message, stack = '', cause } = error;
  return {
    name,
    code: error instanceof WeirError ? error.code : otherwise,
    message,
    stack,
    cause: cause instanceof Error ? postedError(cause, otherwise) : undefined,
  };
}

/** The same error; those that hold more than a code and a message are a WeirError of that name. */
export function receivedError({ name, code, message, stack, cause }: PostedError): WeirError {
  const options = cause === undefined ? {} : { cause: receivedError(cause) };
  const Class = name === 'ModuleError' ? ModuleError : name === 'PluginError' ? PluginError : WeirError;
  const error = new Class(code, message, options);
  error.name = name;
  error.stack = stack;
  return error;
}
