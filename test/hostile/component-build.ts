/** Builds guests/components/NAME.wat to NAME.wasm, components: node_modules/.bin/node test/hostile/component-build.ts */

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { componentEmbed, componentNew } from '@bytecodealliance/jco';
import { CALL_TYPES, CALLBACK_TYPES } from '../../src/component/filter/signatures.ts';
import { assemble, GUESTS } from './build.ts';

export const COMPONENTS = join(GUESTS, 'components');

const WIT = new URL('../../filters/wit/0.1.0/filter.wit', import.meta.url);
const VERSION = '@0.1.0';
/** A text that begins so is built for the version that reaches beyond its streams. */
const SERVICES = ';; services\n';
const SERVICES_WIT = new URL('../../filters/wit/filter.wit', import.meta.url);
const SERVICES_VERSION = '@0.1.1';
const SERVICES_WORLD = '\nworld w { include http-filter; include services; }';
const NAMES: Readonly<Record<string, string>> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64' };

/** Where text says `(func $on-request-headers …)`, and the like, the component's function is that; else it does nothing. */
const CALLBACKS: readonly (readonly [item: string, name: string, otherwise: string])[] = Object.keys(
  CALLBACK_TYPES,
).map(item => [item, localName(item), defaultBody(item)]);

/** `on-request-headers`, `plugin-on-done`, `http-dtor`. */
function localName(item: string): string {
  const [, kind, resource, method] = /^\[(\w+)\]([\w-]+?)(?:\.([\w-]+))?$/.exec(item)!;
  const short = resource === 'plugin-context' ? 'plugin' : 'http';
  if (method === undefined) return `${short}-${kind}`;
  const ambiguous = method === 'on-done' || method === 'on-log';
  return ambiguous ? `${short}-${method}` : method;
}

function defaultBody(item: string): string {
  if (item.startsWith('[constructor]')) return '(call $new-plugin (i32.const 7))';
  if (item.endsWith('create-http-context')) return '(call $new-http (i32.const 9))';
  // An `ok` in memory that nobody writes to.
  if (/on-(vm-start|configure)$/.test(item)) return '(i32.const 2048)';
  if (item.endsWith('on-done')) return '(i32.const 1)';
  return CALLBACK_TYPES[item]!.endsWith(':') ? '' : '(i32.const 0)';
}

function signature(type: string): string {
  const [params = '', results = ''] = type.split(':');
  const list = (letters: string) => [...letters].map(letter => NAMES[letter]).join(' ');
  return `${params === '' ? '' : `(param ${list(params)})`} ${results === '' ? '' : `(result ${list(results)})`}`;
}

/** Imports that a text may mention as `$headers.get` or `$http-stream.send-local-response`, and their types. */
function imports(version: string): [module: string, name: string, local: string, type: string][] {
  const calls = Object.entries(CALL_TYPES).flatMap(([from, functions]) =>
    Object.entries(functions).map(([name, type]): [string, string, string, string] => {
      const local = name.replace(/^\[\w+-?(\w*)\]/, (_, drop: string) => (drop === '' ? '' : 'drop.'));
      const isNew = name.startsWith('[constructor]');
      return [`weir:filter/${from}${version}`, name, isNew ? `${local}.new` : localOf(from, local), type];
    }),
  );
  const own = ['plugin', 'http'].flatMap((short): [string, string, string, string][] =>
    (['new', 'rep', 'drop'] as const).map(what => [
      `[export]weir:filter/http${version}`,
      `[resource-${what}]${short}-context`,
      `${what}-${short}`,
      what === 'drop' ? 'i:' : 'i:i',
    ]),
  );
  return [...calls, ...own];
}

function localOf(from: string, name: string): string {
  if (name === 'drop.local-response') return 'local-response.drop';
  return name.startsWith('local-response.') ? name : `${from}.${name}`;
}

const ALLOCATOR = `(global $heap (mut i32) (i32.const 16384))
(func $realloc (param i32 i32 i32) (param $size i32) (result i32) (local $at i32)
  (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
  (if (i32.gt_u (i32.add (local.get $at) (local.get $size)) (i32.const 65536))
    (then (local.set $at (i32.const 16384))))
  (global.set $heap (i32.add (local.get $at) (local.get $size)))
  (local.get $at))`;

/** How the allocator is called that goes straight to the host's hostcalls; by the older name jco's glue stands between. */
const REALLOC = '"cabi_realloc"';
const OLD_REALLOC = '"canonical_abi_realloc"';

/**
 * A guest's text as the core module of a component of `world http-filter`: what it doesn't have is added. What begins
 * with `(module` stays as it is.
 */
export function coreText(text: string): string {
  if (/^\s*\(module/m.test(text)) return text;
  const uses = (name: string) =>
    new RegExp(`\\$${name.replaceAll('.', '\\.')}(?![\\w.-])`).test(text + added());
  const has = (name: string) => text.includes(`(func $${name} `) || text.includes(`(func $${name})`);
  const added = () =>
    CALLBACKS.filter(([, name]) => !has(name))
      .map(([, , body]) => body)
      .join(' ');
  const version = text.startsWith(SERVICES) ? SERVICES_VERSION : VERSION;
  const http = `weir:filter/http${version}`;
  const parts = imports(version)
    .filter(([, , local]) => uses(local))
    .map(([from, name, local, type]) => `(import "${from}" "${name}" (func $${local} ${signature(type)}))`);
  parts.push(text);
  if (!text.includes('(memory ')) parts.push('(memory $memory 2)');
  parts.push('(export "memory" (memory 0))');
  if (!has('realloc')) parts.push(ALLOCATOR);
  parts.push(`(export ${REALLOC} (func $realloc))`);
  for (const [item, name, body] of CALLBACKS) {
    if (!has(name)) parts.push(`(func $${name} ${signature(CALLBACK_TYPES[item]!)} ${body})`);
    parts.push(`(export "${http}#${item}" (func $${name}))`);
  }
  for (const method of ['on-vm-start', 'on-configure']) {
    if (has(`post-${method}`))
      parts.push(`(export "cabi_post_${http}#[method]plugin-context.${method}" (func $post-${method}))`);
  }
  if (has('initialize')) parts.push('(export "_initialize" (func $initialize))');
  if (has('start')) parts.push('(start $start)');
  return `(module\n${parts.join('\n')}\n)`;
}

export interface ComponentOptions {
  /** In place of filters/wit/0.1.0/filter.wit. */
  readonly wit?: string;
  readonly world?: string;
}

/** A component around a core module. */
export async function component(core: Uint8Array, options: ComponentOptions = {}): Promise<Uint8Array> {
  const { wit = readFileSync(WIT, 'utf8'), world = 'http-filter' } = options;
  return componentNew(await componentEmbed({ binary: core, witSource: wit, world }), []);
}

/** Text to a component; `lifted`: one whose calls pass jco's glue. */
export function componentOf(text: string, lifted = false, options?: ComponentOptions): Promise<Uint8Array> {
  const whole = coreText(text);
  const services = { wit: readFileSync(SERVICES_WIT, 'utf8') + SERVICES_WORLD, world: 'w' };
  const { wit, world } = options ?? (text.startsWith(SERVICES) ? services : {});
  return component(assemble('guest.wat', lifted ? whole.replace(REALLOC, OLD_REALLOC) : whole), {
    ...(wit !== undefined && { wit }),
    ...(world !== undefined && { world }),
  });
}

/** Every component and its binary, made now. A NAME.wit beside the text: its world `w` is the component's. */
export async function* buildComponents(): AsyncIterable<readonly [name: string, bytes: Uint8Array]> {
  for (const file of readdirSync(COMPONENTS).sort()) {
    if (!file.endsWith('.wat')) continue;
    const name = file.slice(0, -4);
    const text = readFileSync(join(COMPONENTS, file), 'utf8');
    const wit = join(COMPONENTS, `${name}.wit`);
    try {
      const own = existsSync(wit) ? { wit: readFileSync(wit, 'utf8'), world: 'w' } : {};
      yield [name, await componentOf(text, false, own)];
      if (text.startsWith(';; both roads')) yield [`${name}.lifted`, await componentOf(text, true, own)];
    } catch (error) {
      // The stack quotes the whole of wabt.
      throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

if (import.meta.main) {
  try {
    for await (const [name, bytes] of buildComponents())
      writeFileSync(join(COMPONENTS, `${name}.wasm`), bytes);
  } catch (error) {
    console.error(String(error));
    process.exitCode = 1;
  }
}
