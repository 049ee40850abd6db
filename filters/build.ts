/** Builds the filters that Weir ships, or checks that the committed binaries belong to their sources. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findAssemblyScript } from './build/assemblyscript.ts';
import { findClang } from './build/clang.ts';
import { COMPONENT_TOOL, componentFaults, toComponent } from './build/component.ts';
import { binaryOf, FILTERS, type Filter, idOf, select, type Tool, toolOf } from './build/filters.ts';
import { findGo } from './build/go.ts';
import { findQuickJs, findStarlingMonkey } from './build/javascript.ts';
import { differences, isCommitted, record } from './build/manifest.ts';
import { findPython } from './build/python.ts';
import { findRust } from './build/rust.ts';
import { Failed, Missing, type Toolchain } from './build/toolchain.ts';
import { faults, keepExports } from './build/wasm.ts';

const ROOT = import.meta.dirname;
const MAX_BYTES = 3_000_000;

const USAGE = `node filters/build.ts [--check] [filter…]

Builds the named filters, or all of them, and notes in filters/manifest.json which sources each binary is from.

  --check   build nothing: exit 1 when a binary or its sources are not those of the manifest
  --help    this text

Filters: ${FILTERS.map(idOf).join(', ')}`;

const FIND: Readonly<Record<Tool, () => Toolchain>> = {
  rust: () => findRust(ROOT),
  go: () => findGo(ROOT),
  assemblyscript: () => findAssemblyScript(ROOT),
  c: () => findClang(ROOT, 'c'),
  cpp: () => findClang(ROOT, 'cpp'),
  quickjs: () => findQuickJs(ROOT),
  starlingmonkey: () => findStarlingMonkey(ROOT),
  python: () => findPython(ROOT),
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '    ');
}

/** Builds one filter into its place. Returns the size of the binary. */
async function build(filter: Filter, toolchain: Toolchain, scratch: string): Promise<number> {
  const output = join(scratch, `${filter.language}-${filter.name}.wasm`);
  await toolchain.build(filter, output);
  // What isn't committed may hold what it likes: Python's runtime was built by another root.
  const localPaths = isCommitted(filter)
    ? [resolve(ROOT, '..'), `${homedir()}/`, scratch, ...toolchain.localPaths]
    : [];
  const { bytes, wrong } = await finish(filter, readFileSync(output), localPaths);
  if (isCommitted(filter) && bytes.length > MAX_BYTES)
    wrong.push(`it has ${bytes.length} bytes; more than ${MAX_BYTES} are not committed`);
  if (wrong.length > 0) throw new Failed(`The binary was built, but:\n${wrong.join('\n')}`);
  writeFileSync(join(ROOT, binaryOf(filter)), bytes);
  record(ROOT, filter, versionOf(filter, toolchain));
  return bytes.length;
}

/** What the compiler made as it is shipped, and what is wrong with that. */
async function finish(
  filter: Filter,
  built: Uint8Array,
  localPaths: readonly string[],
): Promise<{ bytes: Uint8Array; wrong: string[] }> {
  const { component } = filter;
  if (component === undefined) {
    const bytes = keepExports(built, filter.callbacks);
    return { bytes, wrong: [...faults(bytes, filter.callbacks, localPaths)] };
  }
  const bytes = await toComponent(ROOT, component, built);
  return { bytes, wrong: await componentFaults(bytes, component, localPaths) };
}

function versionOf(filter: Filter, toolchain: Toolchain): string {
  return filter.component === undefined ? toolchain.version : `${toolchain.version}, ${COMPONENT_TOOL}`;
}

/** Exit code. */
async function buildAll(filters: readonly Filter[]): Promise<number> {
  const toolchains = new Map<Tool, Toolchain | Missing>();
  const failed: string[] = [];
  const scratch = mkdtempSync(join(tmpdir(), 'weir-filters-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  for (const filter of filters) {
    const start = performance.now();
    try {
      const tool = toolOf(filter);
      if (!toolchains.has(tool)) toolchains.set(tool, find(tool));
      const toolchain = toolchains.get(tool)!;
      if (toolchain instanceof Missing) throw toolchain;
      const size = await build(filter, toolchain, scratch);
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      say(
        `${idOf(filter).padEnd(36)} ${seconds.padStart(6)} s ${String(size).padStart(9)} bytes  ${versionOf(filter, toolchain)}`,
      );
    } catch (error) {
      failed.push(idOf(filter));
      if (error instanceof Missing)
        say(`${idOf(filter)}: not built, this is needed:\n${indented(error.message)}`);
      else if (error instanceof Failed) say(`${idOf(filter)}: not built:\n${indented(error.message)}`);
      else throw error;
    }
  }
  if (failed.length === 0) return 0;
  say(`Not built: ${failed.join(', ')}. The binaries that were there are untouched.`);
  return 1;
}

function find(tool: Tool): Toolchain | Missing {
  try {
    return FIND[tool]();
  } catch (error) {
    if (error instanceof Missing) return error;
    throw error;
  }
}

/** Exit code. */
function check(filters: readonly Filter[]): number {
  const found = [...differences(ROOT, filters)];
  for (const difference of found) say(difference);
  const committed = filters.filter(isCommitted).length;
  if (found.length === 0) say(`${committed} filters: every binary belongs to its sources.`);
  return found.length === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const options = { check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help) {
      say(USAGE);
      return 0;
    }
    const filters = select(positionals);
    return values.check ? check(filters) : await buildAll(filters);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

process.exitCode = await main();
