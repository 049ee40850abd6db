import { createHash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rmdir, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Log } from '../log.ts';
import type { Artefact, Artefacts } from './artefacts.ts';

export interface DiskCacheOptions {
  /** Bytes on disk at the most, all artefacts together. 1 GiB by default. */
  readonly maxBytes?: number;
  /** User id that files have to belong to, besides root: this process's, where the system has such. */
  readonly user?: number | undefined;
}

// A file: magic, format version, length of the facts, SHA-256, the facts as JSON, the bytes. Numbers: 32 bits, LE.
const MAGIC = Buffer.from('weirart\n');
const VERSION = 1;
const HEAD_SIZE = 16;
const PREFIX_SIZE = HEAD_SIZE + 32;
const SUFFIX = '.weir';
const KEY = /^[a-z0-9][a-z0-9.-]{0,199}$/;
const TEMPORARY = /^weir-\d+-[0-9a-f]{16}\.tmp$/;
const HOUR = 3_600_000;
/** What one call of `Hash.update` and of `read` takes. */
const MAX_FILE_SIZE = 0x7fffffff;
/** Failures of `rename` that concern one name, not the disk. */
const IN_THE_WAY: ReadonlySet<string> = new Set(['EISDIR', 'EPERM', 'EACCES', 'EBUSY']);

/** Artefacts on disk, by key, so that a restart doesn't do the work again. A failure costs that work, no more. */
export class DiskCache implements Artefacts {
  readonly #directory: string;
  readonly #log: Log;
  readonly #maxBytes: number;
  readonly #user: number | undefined;
  readonly #told = new Set<string>();
  #writing = true;
  /** Bytes that may be written before the directory is looked through again. */
  #headroom = 0;
  #trimming: Promise<void> = Promise.resolve();

  private constructor(directory: string, log: Log, maxBytes: number, user: number | undefined) {
    this.#directory = directory;
    this.#log = log;
    this.#maxBytes = maxBytes;
    this.#user = user;
  }

  /** Opens (creates, mode 0700) the directory, or says by one warning why it is not used. Never throws. */
  static async open(
    directory: string,
    log: Log,
    options: DiskCacheOptions = {},
  ): Promise<DiskCache | undefined> {
    const { maxBytes = 2 ** 30, user = process.geteuid?.() } = options;
    let fault: string | undefined;
    try {
      // The real path, once: a link that is changed later leads nowhere else.
      const real = await realpath(directory).catch(async error => {
        if (!isMissing(error)) throw error;
        await mkdir(directory, { recursive: true, mode: 0o700 });
        return realpath(directory);
      });
      const stats = await lstat(real);
      fault = stats.isDirectory() ? trustFault(stats, user) : 'it is not a directory';
      if (fault === undefined) {
        const cache = new DiskCache(real, log, maxBytes, user);
        await cache.#trim('');
        return cache;
      }
      if (stats.isDirectory()) fault += ` (remedy: chown ${user} ${real}; chmod 700 ${real})`;
    } catch (error) {
      fault = codeOf(error);
    }
    log.warn({ directory }, `the cache directory is not used: ${fault}`);
    return undefined;
  }

  /** undefined: not there, or not good (then it was deleted and one warning said why). Never throws. */
  async get(key: string): Promise<Artefact | undefined> {
    if (!this.#valid(key)) return undefined;
    const file = this.#file(key);
    try {
      const artefact = await this.#read(file, key);
      if (typeof artefact !== 'string') return artefact;
      await this.#discard(file, artefact);
    } catch (error) {
      const code = codeOf(error);
      // The disk's fault, not the file's: it stays. One warning for all files.
      if (!isMissing(error)) this.#warnOnce(code, { file }, `can't read a cached artefact (${code})`);
    }
    return undefined;
  }

  /** Never throws: a full or read-only disk is one warning, and nothing is written from then on. */
  async put(key: string, artefact: Artefact): Promise<void> {
    if (!this.#writing || !this.#valid(key)) return;
    const file = this.#file(key);
    const parts = encode(key, artefact);
    if (typeof parts === 'string') return this.#log.warn({ file }, `an artefact can't be stored: ${parts}`);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    // One that fills the whole cache, or can't be read back, is not kept: no fault.
    if (size > Math.min(this.#maxBytes, MAX_FILE_SIZE)) return;
    const unique = `${process.pid}-${randomBytes(8).toString('hex')}`;
    const temporary = path.join(this.#directory, `weir-${unique}.tmp`);
    let renaming = false;
    try {
      await writeFile(temporary, parts, { flag: 'wx', mode: 0o600 });
      renaming = true;
      await rename(temporary, file);
      this.#headroom -= size;
    } catch (error) {
      await unlink(temporary).catch(() => {});
      const code = codeOf(error);
      if (renaming && IN_THE_WAY.has(code)) {
        this.#warnOnce(file, { file }, `an artefact was not stored: its place is taken (${code})`);
      } else this.#stopWriting(code);
      return;
    }
    // One after the other: the second of two finds that there is room again.
    this.#trimming = this.#trimming.then(async () => {
      if (this.#headroom >= 0 || !this.#writing) return;
      await this.#trim(file).catch(error => this.#stopWriting(codeOf(error)));
    });
    await this.#trimming;
  }

  /** The artefact, or what is wrong with the file. @throws what the file system reports */
  async #read(file: string, key: string): Promise<Artefact | string> {
    // Looked at before it is opened: to open a device can do things.
    if (!(await lstat(file)).isFile()) return 'it is not a file';
    // Where the system lacks one of the flags it is undefined, and so 0 here.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) return 'it is not a file';
    const fault = trustFault(stats, this.#user);
    if (fault !== undefined) return fault;
    if (stats.size > Math.min(this.#maxBytes, MAX_FILE_SIZE)) return 'it is larger than the cache';
    // Not from Buffer's pool: callers may see what else is in the ArrayBuffer.
    const content = Buffer.allocUnsafeSlow(stats.size);
    let length = 0;
    while (length < content.length) {
      const { bytesRead } = await handle.read(content, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    const artefact = decode(key, content.subarray(0, length));
    if (typeof artefact !== 'string' && Math.abs(Date.now() - stats.mtimeMs) > HOUR) {
      // Where it is not allowed, the age is the time since it was written.
      await handle.utimes(new Date(), new Date()).catch(() => {});
    }
    return artefact;
  }

  /** Removes what should not be where it is, except a directory that holds something. */
  async #discard(file: string, fault: string): Promise<void> {
    try {
      await ((await lstat(file)).isDirectory() ? rmdir(file) : unlink(file));
    } catch (error) {
      const message = `a cached artefact was not used: ${fault}; remove it by hand (${codeOf(error)})`;
      if (!isMissing(error)) return this.#warnOnce(file, { file }, message);
    }
    this.#log.warn({ file }, `a cached artefact was removed: ${fault}`);
  }

  /**
   * Looks through the directory, removes what crashed writers left and, when the bound is passed, the oldest
   * artefacts but `kept`. @throws what the file system reports
   */
  async #trim(kept: string): Promise<void> {
    const artefacts: { file: string; size: number; mtimeMs: number }[] = [];
    let total = 0;
    // What is put from here on may be missed by the look: it counts against the room that is found.
    this.#headroom = 0;
    const look = async (name: string) => {
      const file = path.join(this.#directory, name);
      const temporary = TEMPORARY.test(name);
      if (!temporary && !(name.endsWith(SUFFIX) && KEY.test(name.slice(0, -SUFFIX.length)))) return;
      const stats = await lstat(file).catch(error => {
        if (!isMissing(error)) throw error;
      });
      if (!stats?.isFile()) return;
      if (!temporary) {
        artefacts.push({ file, size: stats.size, mtimeMs: stats.mtimeMs });
        total += stats.size;
      } else if (Date.now() - stats.mtimeMs > HOUR) await unlink(file).catch(() => {});
    };
    // All at once: each start waits for it.
    await Promise.all((await readdir(this.#directory)).map(look));
    if (total > this.#maxBytes) {
      // An eighth below the bound, so that the next put doesn't look through the directory again.
      const goal = this.#maxBytes * (7 / 8);
      for (const { file, size } of artefacts.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
        if (total <= goal) break;
        if (file === kept) continue;
        if (await unlink(file).then(() => true, isMissing)) total -= size;
      }
    }
    if (total > this.#maxBytes) this.#stopWriting('it is over its bound, and files in it can not be removed');
    // At most an eighth: what other processes write is seen only by looking.
    this.#headroom += Math.min(this.#maxBytes - total, this.#maxBytes / 8);
  }

  #file(key: string): string {
    return path.join(this.#directory, key + SUFFIX);
  }

  #valid(key: string): boolean {
    if (KEY.test(key)) return true;
    this.#warnOnce(key, { key }, 'not a key of the cache: 1 to 200 of [a-z0-9.-], first a letter or a digit');
    return false;
  }

  #stopWriting(fault: string): void {
    if (!this.#writing) return;
    this.#writing = false;
    this.#log.warn({ directory: this.#directory }, `nothing is written to the cache directory: ${fault}`);
  }

  #warnOnce(topic: string, fields: object, message: string): void {
    if (this.#told.has(topic)) return;
    this.#told.add(topic);
    this.#log.warn(fields, message);
  }
}

/** Where the system keeps what can be made again; undefined: there is no home for it. */
export function defaultCacheDirectory(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
  home: string | undefined,
): string | undefined {
  const { isAbsolute, join } = platform === 'win32' ? path.win32 : path.posix;
  // A relative path would mean another place in every working directory (and XDG says to ignore it).
  const under = (base: string | undefined, ...names: string[]) =>
    base !== undefined && isAbsolute(base) ? join(base, ...names) : undefined;
  if (platform === 'darwin') return under(home, 'Library', 'Caches', 'weir');
  if (platform !== 'win32') return under(env['XDG_CACHE_HOME'], 'weir') ?? under(home, '.cache', 'weir');
  return under(env['LOCALAPPDATA'], 'weir', 'cache') ?? under(home, 'AppData', 'Local', 'weir', 'cache');
}

/** Why somebody else could have written it: what is in the cache runs without Weir's own checks. */
export function trustFault(stats: Stats, user: number | undefined): string | undefined {
  if (user === undefined) return undefined;
  if (stats.uid !== user && stats.uid !== 0) return `it belongs to user ${stats.uid}, not to ${user} or root`;
  return (stats.mode & 0o022) === 0 ? undefined : 'its group or others may write to it';
}

/** The parts of the file, or why there is none. */
function encode(key: string, artefact: Artefact): Uint8Array[] | string {
  try {
    const facts = Buffer.from(JSON.stringify(artefact.facts) ?? 'null');
    const head = Buffer.alloc(HEAD_SIZE);
    MAGIC.copy(head);
    head.writeUInt32LE(VERSION, 8);
    head.writeUInt32LE(facts.length, 12);
    return [head, checksum(key, head, facts, artefact.bytes), facts, artefact.bytes];
  } catch (error) {
    return String(error).split('\n', 1)[0]!;
  }
}

/** The artefact, or what is wrong with the file. */
function decode(key: string, file: Buffer<ArrayBuffer>): Artefact | string {
  if (file.length < PREFIX_SIZE) return `it is cut off, or not an artefact (${file.length} bytes)`;
  if (!file.subarray(0, 8).equals(MAGIC)) return 'it is not an artefact of Weir';
  const version = file.readUInt32LE(8);
  if (version !== VERSION) return `its format is version ${version}, not ${VERSION}`;
  const sum = checksum(key, file.subarray(0, HEAD_SIZE), file.subarray(PREFIX_SIZE));
  if (!sum.equals(file.subarray(HEAD_SIZE, PREFIX_SIZE))) return 'it is damaged or renamed';
  const start = PREFIX_SIZE + file.readUInt32LE(12);
  if (start > file.length) return 'its facts end outside of it';
  try {
    const facts: unknown = JSON.parse(file.toString('utf8', PREFIX_SIZE, start));
    return { facts, bytes: new Uint8Array(file.buffer, file.byteOffset + start, file.length - start) };
  } catch {
    return 'its facts are not JSON';
  }
}

function checksum(key: string, ...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256').update(`${key}\0`);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
