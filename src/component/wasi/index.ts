import type { Capabilities } from '../../config/types.ts';
import { cliImports } from './cli.ts';
import { monotonicClock, timezone, wallClock } from './clocks.ts';
import { filesystemImports } from './filesystem/index.ts';
import { ungranted } from './grants.ts';
import type { WasiHost } from './host.ts';
import { ioImports, type WaitMode, WasiInstance } from './io/index.ts';
import { RANDOM_IMPORTS } from './random.ts';
import { socketImports } from './sockets/index.ts';

export { grantsText, limited, type NeededGrant, ungranted } from './grants.ts';
export type { WasiHost } from './host.ts';
export { ASYNC_IMPORTS, type WaitMode, WasiInstance } from './io/index.ts';
export { InstanceClosed, WasiTrap, WouldWait } from './trap.ts';

/** Different denials of one instance that its host is told. */
export const DENIALS_MAX = 64;

export interface WasiOptions {
  /** Exactly what the guest sees. */
  readonly env: Readonly<Record<string, string>>;
  readonly grants: Capabilities;
  readonly mode: WaitMode;
}

export interface WasiImports {
  /** For jco's `instantiate`: import name without version to its functions and classes. */
  readonly imports: Record<string, object>;
  /** Shared with import objects from elsewhere (wasi:http), whose resources count and wait with these. */
  readonly instance: WasiInstance;
  /** The instance's end: frees descriptors, sockets and timers, ends what waits. Can be called again. */
  close(): void;
}

type Build = (instance: WasiInstance, options: WasiOptions, host: WasiHost) => Record<string, object>;

/** Packages of WASI 0.2 and who builds their interfaces. */
const PACKAGES: Readonly<Record<string, Build>> = {
  'wasi:io': ioImports,
  'wasi:cli': (instance, options, host) => cliImports(instance, options.env, host),
  'wasi:clocks': instance => ({
    'wasi:clocks/monotonic-clock': monotonicClock(instance),
    'wasi:clocks/wall-clock': wallClock,
    'wasi:clocks/timezone': timezone,
  }),
  'wasi:random': () => RANDOM_IMPORTS,
  'wasi:filesystem': (instance, options, host) =>
    filesystemImports(instance, options.grants.directories, host),
  'wasi:sockets': (instance, options, host) => socketImports(instance, options.grants.tcp, host),
};

/** Every interface that wasiImports can build. */
export const WASI_INTERFACES: ReadonlySet<string> = new Set([
  'wasi:cli/environment',
  'wasi:cli/exit',
  'wasi:cli/stderr',
  'wasi:cli/stdin',
  'wasi:cli/stdout',
  'wasi:cli/terminal-input',
  'wasi:cli/terminal-output',
  'wasi:cli/terminal-stderr',
  'wasi:cli/terminal-stdin',
  'wasi:cli/terminal-stdout',
  'wasi:clocks/monotonic-clock',
  'wasi:clocks/timezone',
  'wasi:clocks/wall-clock',
  'wasi:filesystem/preopens',
  'wasi:filesystem/types',
  'wasi:io/error',
  'wasi:io/poll',
  'wasi:io/streams',
  'wasi:random/insecure',
  'wasi:random/insecure-seed',
  'wasi:random/random',
  'wasi:sockets/instance-network',
  'wasi:sockets/ip-name-lookup',
  'wasi:sockets/network',
  'wasi:sockets/tcp',
  'wasi:sockets/tcp-create-socket',
  'wasi:sockets/udp',
  'wasi:sockets/udp-create-socket',
]);

/**
 * The WASI 0.2 imports of one component instance, built from nothing: only those that `wanted` names (without version;
 * others, and those that `ungranted` tells, are left out), reaching only what is granted.
 */
export function wasiImports(wanted: readonly string[], options: WasiOptions, host: WasiHost): WasiImports {
  const instance = new WasiInstance(options.mode);
  const missing = new Set(ungranted(wanted, options.grants).map(needed => needed.import));
  const teller = tellOnce(host);
  const built = new Map<string, Record<string, object>>();
  const imports: Record<string, object> = {};
  for (const name of wanted) {
    if (!WASI_INTERFACES.has(name) || missing.has(name)) continue;
    const packageName = name.slice(0, name.indexOf('/'));
    const all = built.get(packageName) ?? PACKAGES[packageName]!(instance, options, teller);
    built.set(packageName, all);
    imports[name] = all[name]!;
  }
  return { imports, instance, close: () => instance.close() };
}

/** The host, told each denial once. */
function tellOnce(host: WasiHost): WasiHost {
  const told = new Set<string>();
  return {
    writeStdio: (fd, bytes) => host.writeStdio(fd, bytes),
    exit: status => host.exit(status),
    denied(what, grant) {
      if (told.has(what) || told.size >= DENIALS_MAX) return;
      told.add(what);
      host.denied(what, grant);
    },
  };
}
