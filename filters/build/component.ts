/** Makes components of core modules, and looks into finished ones. jco does both; it is loaded only to build. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Component } from './filters.ts';
import { Failed, Missing } from './toolchain.ts';
import { pathsIn } from './wasm.ts';

const JCO = '@bytecodealliance/jco';
/** The fifth to eighth byte: a core module of version 1 has 01 00 00 00. */
const COMPONENT_VERSION = [0x0d, 0, 1, 0];

function versionOfJco(): string {
  try {
    // jco doesn't export its package.json.
    const entry = createRequire(import.meta.url).resolve(JCO);
    const { version } = JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8'));
    return `jco ${version}`;
  } catch {
    return 'jco unknown';
  }
}

export const COMPONENT_TOOL = versionOfJco();

async function loadJco(): Promise<typeof import('@bytecodealliance/jco')> {
  try {
    return await import(JCO);
  } catch {
    throw new Missing(`${JCO} from npm. In the top folder: npm ci`);
  }
}

function isComponent(bytes: Uint8Array): boolean {
  return COMPONENT_VERSION.every((byte, i) => bytes[4 + i] === byte);
}

/** The component around a core module; a component stays what it is. */
export async function toComponent(
  root: string,
  component: Pick<Component, 'world' | 'wit' | 'adapter'>,
  built: Uint8Array,
): Promise<Uint8Array> {
  if (isComponent(built)) return built;
  const jco = await loadJco();
  const witSource = readFileSync(join(root, component.wit ?? 'wit/filter.wit'), 'utf8');
  const embed = (binary: Uint8Array, world: string, more = '') =>
    jco.componentEmbed({ binary, witSource: witSource + more, world, stringEncoding: 'utf8' });
  try {
    const core = component.world === undefined ? built : await embed(built, component.world);
    if (component.adapter === undefined) return await jco.componentNew(core, []);
    const adapter = await jco.parse(readFileSync(join(root, component.adapter), 'utf8'));
    const world = 'world adapter { import logging; }';
    return await jco.componentNew(core, [['wasi_snapshot_preview1', await embed(adapter, 'adapter', world)]]);
  } catch (error) {
    throw new Failed(error instanceof Error ? error.message : String(error));
  }
}

/** What a component imports and exports. */
async function namesOf(bytes: Uint8Array): Promise<{ imports: string[]; exports: string[] }> {
  const jco = await loadJco();
  const wit = await jco.componentWit(bytes);
  // The first world is the component's own; packages that it is made of follow.
  const world = wit.slice(0, wit.indexOf('\n}\n'));
  const names = (keyword: string) =>
    [...world.matchAll(new RegExp(`^ {2}${keyword} ([^;{\\s]+)`, 'gm'))].map(match => match[1]!);
  return { imports: names('import'), exports: names('export') };
}

function allows(allowed: readonly string[], name: string): boolean {
  return allowed.some(one => (/[:/]$/.test(one) ? name.startsWith(one) : name === one));
}

/** What is wrong with a finished component, in words; nothing when it may be shipped. */
export async function componentFaults(
  bytes: Uint8Array,
  component: Component,
  localPaths: readonly string[],
): Promise<string[]> {
  const { imports, exports } = await namesOf(bytes);
  const wrong: string[] = [];
  for (const name of imports) {
    if (!allows(component.imports, name)) wrong.push(`it imports ${name}`);
  }
  for (const name of component.exports) {
    if (!exports.includes(name)) wrong.push(`it does not export ${name}`);
  }
  return [...wrong, ...pathsIn(bytes, localPaths)];
}
