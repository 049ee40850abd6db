import type { WasiHost } from './host.ts';
import { InputStream, OutputStream, type WasiInstance, WRITE_MAX_BYTES } from './io/index.ts';

/** Resource `wasi:cli/terminal-input.terminal-input`: there is none. */
class TerminalInput {}
/** Resource `wasi:cli/terminal-output.terminal-output`: there is none. */
class TerminalOutput {}

function stdio(instance: WasiInstance, host: WasiHost, fd: 1 | 2): OutputStream {
  return new OutputStream(instance, {
    credit: () => WRITE_MAX_BYTES,
    write: bytes => host.writeStdio(fd, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    flush() {},
    ready: () => undefined,
  });
}

/**
 * `wasi:cli` 0.2 (wit/*.wit of wasi-cli): the environment of the configuration, no arguments, no working directory,
 * no terminal; stdin at its end, stdout and stderr to the host.
 */
export function cliImports(
  instance: WasiInstance,
  env: Readonly<Record<string, string>>,
  host: WasiHost,
): Record<string, object> {
  const nothing = () => undefined;
  const exit = (status: number): never => {
    try {
      return host.exit(status);
    } catch (error) {
      throw instance.fail(error);
    }
  };
  return {
    'wasi:cli/environment': {
      getEnvironment: () => Object.entries(env),
      getArguments: () => [],
      initialCwd: nothing,
    },
    'wasi:cli/exit': {
      exit: (status: { readonly tag: 'ok' | 'err' }) => exit(status.tag === 'ok' ? 0 : 1),
      exitWithCode: exit,
    },
    'wasi:cli/stdin': { getStdin: () => InputStream.empty(instance) },
    'wasi:cli/stdout': { getStdout: () => stdio(instance, host, 1) },
    'wasi:cli/stderr': { getStderr: () => stdio(instance, host, 2) },
    'wasi:cli/terminal-input': { TerminalInput },
    'wasi:cli/terminal-output': { TerminalOutput },
    'wasi:cli/terminal-stdin': { getTerminalStdin: nothing },
    'wasi:cli/terminal-stdout': { getTerminalStdout: nothing },
    'wasi:cli/terminal-stderr': { getTerminalStderr: nothing },
  };
}
