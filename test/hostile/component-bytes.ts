import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { COMPONENTS } from './component-build.ts';
import { leb } from './encode.ts';

export const bytesOf = (guest: string): Buffer => readFileSync(join(COMPONENTS, `${guest}.wasm`));

/** Writes components to a directory of their own, until the test ends; gives their paths. */
export function files(t: Pick<TestContext, 'after'>, components: readonly Uint8Array[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'weir-hostile-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return components.map((bytes, i) => {
    const path = join(directory, `${i}.wasm`);
    writeFileSync(path, bytes);
    return path;
  });
}

/** Numbers that look random and are the same every time. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A section of a component or module. */
export const section = (id: number, ...contents: (readonly number[] | Uint8Array)[]): Buffer => {
  const whole = Buffer.concat(contents.map(part => Uint8Array.from(part)));
  return Buffer.concat([Buffer.from([id, ...leb(whole.length)]), whole]);
};

/** Ids of the sections at the top of a component, in order. */
export function sectionIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  for (let at = 8; at < bytes.length; ) {
    ids.push(bytes[at++]!);
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    at += size;
  }
  return ids;
}

const CORE_MODULE = 1;
const CORE_INSTANCE = 2;
const COMPONENT = 4;

/** The same component, with so many instances of a core module beside its own. */
export function withCores(component: Uint8Array, core: Uint8Array, count: number): Buffer {
  const own = sectionIds(component).filter(id => id === CORE_MODULE).length;
  // Instantiate, the module, no arguments.
  const instances = Array.from({ length: count }, () => [0, ...leb(own), 0]).flat();
  return Buffer.concat([
    component,
    section(CORE_MODULE, core),
    section(CORE_INSTANCE, leb(count), instances),
  ]);
}

/** Components in components, so deep. */
export function nested(depth: number): Buffer {
  const head = Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
  let inner = head;
  for (let i = 0; i < depth; i++) inner = Buffer.concat([head, section(COMPONENT, inner)]);
  return inner;
}
