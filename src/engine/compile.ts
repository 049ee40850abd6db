import { createHash } from 'node:crypto';
import { ModuleError } from '../errors.ts';
import { identify } from './identify.ts';

/** A core module, compiled. */
export interface CompiledModule {
  readonly module: WebAssembly.Module;
  /** Lower-case hex of the bytes it was made from. */
  readonly sha256: string;
  /** Size of those bytes: what the cache counts. */
  readonly size: number;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Identifies and compiles, off the main thread as far as V8 does that.
 * @throws ModuleError MODULE_NOT_WASM, MODULE_COMPONENT, MODULE_MALFORMED
 */
export async function compile(bytes: Uint8Array, hash: string): Promise<CompiledModule> {
  if (identify(bytes) === 'component') {
    throw new ModuleError(
      'MODULE_COMPONENT',
      'the file is a WASI component, which Weir does not run yet: build it as a Proxy-Wasm module',
    );
  }
  try {
    // A copy in an ArrayBuffer of its own: compilation is asynchronous and must not see later writes.
    const module = await WebAssembly.compile(new Uint8Array(bytes));
    return { module, sha256: hash, size: bytes.length };
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.replace(/^WebAssembly\.compile\(\): /, '') : String(error);
    throw new ModuleError('MODULE_MALFORMED', `the module is not valid WebAssembly: ${reason}`, {
      cause: error,
    });
  }
}
