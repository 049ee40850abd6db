import assert from 'node:assert/strict';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { MemoryLog } from './log.ts';
import { type FilterInput, weirConfig } from './weir.ts';

/** Modules of the filters that Weir ships, relative to the repository. */
export const SHIPPED = {
  'add-header': 'filters/rust/add-header/add-header.wasm',
  jwt: 'filters/rust/jwt/jwt.wasm',
  'body-rewrite': 'filters/rust/body-rewrite/body-rewrite.wasm',
  'cookie-to-header': 'filters/go/cookie-to-header/cookie-to-header.wasm',
  'ab-test': 'filters/assemblyscript/ab-test/ab-test.wasm',
  'basic-auth': 'filters/cpp/basic-auth/basic-auth.wasm',
  'security-headers': 'filters/c/security-headers/security-headers.wasm',
  'access-log': 'filters/cpp/access-log/access-log.wasm',
  'rate-limit': 'filters/rust/rate-limit/rate-limit.wasm',
  'ext-auth': 'filters/rust/ext-auth/ext-auth.wasm',
  'tcp-sni': 'filters/rust/tcp-sni/tcp-sni.wasm',
} as const;

export type ShippedName = keyof typeof SHIPPED;

export function shipped(name: ShippedName, config?: unknown, rest: Partial<FilterInput> = {}): FilterInput {
  return { module: SHIPPED[name], ...(config === undefined ? {} : { config }), ...rest };
}

/**
 * Asserts that the filter refuses to start with each of these configurations: one line each, with its place, the
 * filter's name in the configuration, and the reason that the filter logged.
 */
export async function assertRefused(
  name: ShippedName,
  faults: readonly (readonly [config: unknown, reason: RegExp])[],
  rest: Partial<FilterInput> = {},
): Promise<void> {
  const filters = Object.fromEntries(
    faults.map(([config], i) => [`fault-${i}`, shipped(name, config, rest)]),
  );
  const errors = await checkFilters(weirConfig({ filters, routes: [{ upstream: 'app' }] }), new MemoryLog());
  for (const [i, [config, reason]] of faults.entries()) {
    const what = JSON.stringify(config);
    const error = errors.find(e => e.message.includes(`filters.fault-${i}: `));
    assert.ok(error !== undefined, `${what} was not refused`);
    assert.equal(error.code, 'PLUGIN_CONFIGURE_FAILED', what);
    assert.match(error.message, /^\S+weir-test\.yaml:\d+:\d+: filters\.fault-\d+: [^\n]+$/, what);
    assert.match(error.message, /the filter refuses its configuration \(it logged: /, what);
    assert.match(error.message, reason, what);
  }
  assert.equal(errors.length, faults.length);
}

/** Asserts that the filter starts with each of these configurations. */
export async function assertStarts(
  name: ShippedName,
  configs: readonly unknown[],
  rest: Partial<FilterInput> = {},
): Promise<void> {
  const filters = Object.fromEntries(configs.map((config, i) => [`fine-${i}`, shipped(name, config, rest)]));
  const errors = await checkFilters(weirConfig({ filters, routes: [{ upstream: 'app' }] }), new MemoryLog());
  assert.deepEqual(
    errors.map(e => e.message),
    [],
  );
}
