import { closeSync, openSync, readSync } from 'node:fs';
import { ConfigError, type ConfigIssue } from '../errors.ts';
import { type Located, readDocument } from './document.ts';
import { checkSchema } from './explain.ts';
import { checkReferences } from './references.ts';
import { resolveConfig } from './resolve.ts';
import type { WeirConfig } from './types.ts';

/** Largest configuration file: 1 MiB. */
const maxBytes = 1024 * 1024;
/** Most faults reported at once; the rest are counted. */
const maxIssues = 100;

/**
 * Reads, checks and resolves a configuration file. Paths in it are relative to it.
 * @throws ConfigError with every fault found: also when the file is missing, unreadable, over 1 MiB or not UTF-8.
 */
export function loadConfig(path: string): WeirConfig {
  return loadConfigText(readText(path), path);
}

/**
 * The same for a text; `file` is used in messages, and relative paths in the text start from its directory.
 * Module files have to exist; they aren't opened.
 * @throws ConfigError
 */
export function loadConfigText(text: string, file: string): WeirConfig {
  if (Buffer.byteLength(text) > maxBytes) throw tooLarge(file);
  const { root, issues } = readDocument(text.replace(/^\uFEFF/, ''), file);
  if (root === undefined) throw new ConfigError(inOrder(issues, file));
  const { output, issues: faults } = checkSchema(root);
  const all = [...issues, ...faults, ...checkReferences(root, file)];
  if (output === undefined || all.length > 0) throw new ConfigError(inOrder(all, file));
  return resolveConfig(output, file, name => filterPlace(root, name));
}

function filterPlace(root: Located, name: string) {
  return (root.children.get('filters')?.children.get(name) ?? root).keyPlace;
}

/** In file order, without repetitions (one anchor shows its text in many places), and not without end. */
function inOrder(issues: readonly ConfigIssue[], file: string): ConfigIssue[] {
  const unique = new Map<string, ConfigIssue>();
  for (const issue of issues) {
    const lastKey = issue.path.split('.').at(-1) ?? '';
    const id = `${issue.line}:${issue.column}:${lastKey}:${issue.message}`;
    if (!unique.has(id)) unique.set(id, issue);
  }
  const sorted = [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
  const more = sorted.length - maxIssues;
  if (more <= 0) return sorted;
  const rest = {
    file,
    line: 0,
    column: 0,
    path: '',
    message: `and ${more} more faults`,
    remedy: '',
  };
  return [...sorted.slice(0, maxIssues), rest];
}

function unreadable(file: string, message: string, remedy: string): ConfigError {
  return new ConfigError([{ file, line: 0, column: 0, path: '', message, remedy }]);
}

function tooLarge(file: string): ConfigError {
  return unreadable(file, 'the file is larger than 1 MiB', 'move data out of it');
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readAtMost(path, maxBytes + 1);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw unreadable(
        path,
        'the file does not exist',
        'name a configuration file, for example config/weir.yaml',
      );
    }
    if (code === 'EISDIR') throw unreadable(path, 'this is a directory', 'name a file in it');
    if (code === 'EACCES') throw unreadable(path, 'the file can not be read: permission denied', '');
    throw unreadable(path, `the file can not be read: ${code ?? (error as Error).message}`, '');
  }
  if (bytes.length > maxBytes) throw tooLarge(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(path, 'the file is not UTF-8 text', 'save it as UTF-8');
  }
}

/** Ends at `limit` bytes: a pipe or a device has no size to look at before. */
function readAtMost(path: string, limit: number): Buffer {
  const buffer = Buffer.alloc(limit);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    while (length < limit) {
      const read = readSync(file, buffer, length, limit - length, null);
      if (read === 0) break;
      length += read;
    }
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
