import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Descriptor, DescriptorFlags } from '../../../src/component/wasi/filesystem/index.ts';
import type { OpenFlags } from '../../../src/component/wasi/filesystem/tree.ts';
import { wasiImports } from '../../../src/component/wasi/index.ts';
import { host, nothing } from './host.ts';

export const FOLLOW = { symlinkFollow: true };
export const READ: DescriptorFlags = { read: true };
export const WRITE: DescriptorFlags = { read: true, write: true };

/**
 * A directory of files, `outside/`, which isn't granted, and `root/`, which is. In both there is `secret.txt`, which
 * tells where it is.
 */
export function tree(t: TestContext): { outside: string; root: string } {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'weir-wasi-')));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const [outside, root] = [join(base, 'outside'), join(base, 'root')];
  for (const path of [outside, root, join(root, 'dir'), join(root, 'dir/sub')]) mkdirSync(path);
  writeFileSync(join(outside, 'secret.txt'), 'outside');
  writeFileSync(join(root, 'secret.txt'), 'inside');
  writeFileSync(join(root, 'dir/file.txt'), 'file');
  writeFileSync(join(root, 'dir/sub/deep.txt'), 'deep');
  return { outside, root };
}

/** Links in every position that lead out, by name, and what they are. */
export const WAYS_OUT: Readonly<Record<string, string>> = {
  parent: '..',
  'parent-slash': '../',
  sibling: '../outside',
  'sibling-file': '../outside/secret.txt',
  'up-and-back': '../root/../outside',
  'through-dir': 'dir/../../outside',
  absolute: '/etc',
  'absolute-root': '/',
  'absolute-file': '/etc/passwd',
  chained: 'sibling',
  'dangling-out': '../nothing',
};

export function linkOut(root: string): void {
  for (const [name, text] of Object.entries(WAYS_OUT)) symlinkSync(text, join(root, name));
}

/** The descriptor of one granted directory. */
export function grant(t: TestContext, path: string, access: 'read' | 'write' = 'write') {
  const told = host();
  const grants = { ...nothing, directories: [{ host: path, guest: '/data', access }] };
  const wanted = ['wasi:filesystem/preopens', 'wasi:filesystem/types'];
  const wasi = wasiImports(wanted, { env: {}, grants, mode: 'sync' }, told);
  t.after(() => wasi.close());
  const preopens = wasi.imports['wasi:filesystem/preopens'] as { getDirectories(): [Descriptor, string][] };
  const types = wasi.imports['wasi:filesystem/types'] as { filesystemErrorCode(error: unknown): unknown };
  return { wasi, told, preopens, types, directory: preopens.getDirectories()[0]![0] };
}

/** Reads a file from its start; following links. */
export function readFile(directory: Descriptor, path: string): string {
  using file = directory.openAt(FOLLOW, path, {}, READ);
  return Buffer.from(file.read(1000n, 0n)[0]).toString();
}

export function open(
  directory: Descriptor,
  path: string,
  flags: DescriptorFlags = READ,
  how: OpenFlags = {},
) {
  return directory.openAt(FOLLOW, path, how, flags);
}

/** The error code that `call` throws. */
export function code(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

/** That `call` throws this error code. */
export function refused(expected: string, call: () => unknown, message?: string): void {
  assert.equal(code(call), expected, message);
}
