import type { WasiHost } from '../../../src/component/wasi/index.ts';
import type { Capabilities } from '../../../src/config/types.ts';
import { NO_CAPABILITIES } from '../../../src/plugin/capabilities.ts';

/** No grant at all. */
export const nothing: Capabilities = NO_CAPABILITIES;

export class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

/** A host that notes down what it is told. */
export function host() {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const denials: [what: string, grant: string][] = [];
  const told: WasiHost = {
    writeStdio: (fd, bytes) => void (fd === 1 ? stdout : stderr).push(bytes.toString()),
    exit: status => {
      throw new Exit(status);
    },
    denied: (what, grant) => void denials.push([what, grant]),
  };
  return { ...told, stdout, stderr, denials };
}
