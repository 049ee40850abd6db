import { HOSTCALL_TYPES } from '../abi/signatures.ts';
import type { Capabilities } from '../config/types.ts';
import { ModuleError } from '../errors.ts';
import { CALLBACKS } from './callbacks.ts';

/** What a filter has whose configuration grants nothing. */
export const NO_CAPABILITIES: Capabilities = {
  upstreams: [],
  sharedData: false,
  hostcalls: { deny: [] },
  callbacks: { deny: [] },
  env: [],
  directories: [],
  tcp: [],
  clocks: [],
  random: false,
};

/** Modules have clocks and randomness by WASI preview 1, and no files or sockets. */
const FOR_COMPONENTS = ['directories', 'tcp', 'clocks', 'random'] as const;

const HOSTCALLS = new Set(Object.values(HOSTCALL_TYPES).flatMap(types => Object.keys(types)));

/** A name that denies nothing would be taken for one that does. @throws ModuleError MODULE_UNSUPPORTED */
export function checkDenied({ hostcalls, callbacks }: Capabilities): void {
  const unknown = [
    ...hostcalls.deny.filter(name => !HOSTCALLS.has(name)),
    ...callbacks.deny.filter(name => !CALLBACKS.includes(name)),
  ];
  if (unknown.length === 0) return;
  throw new ModuleError(
    'MODULE_UNSUPPORTED',
    `capabilities deny what Proxy-Wasm doesn't have: ${unknown.join(', ')} (names are those of the specification)`,
  );
}

/** What only components can be granted was granted to a core module. @throws ModuleError MODULE_UNSUPPORTED */
export function checkModuleGrants(capabilities: Capabilities): void {
  const wrong = FOR_COMPONENTS.filter(key => {
    const grant = capabilities[key];
    return Array.isArray(grant) ? grant.length > 0 : grant === true;
  });
  if (wrong.length === 0) return;
  throw new ModuleError(
    'MODULE_UNSUPPORTED',
    `${wrong.map(key => `capabilities.${key}`).join(', ')}: for components, and this is a core module: remove them`,
  );
}

/** The environment that a guest sees: variables of Weir's own that were granted, and those of its configuration. */
export function grantedEnv(
  env: Readonly<Record<string, string>>,
  granted: readonly string[],
): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name of granted) {
    const value = process.env[name];
    if (value !== undefined) all[name] = value;
  }
  return { ...all, ...env };
}
