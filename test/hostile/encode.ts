import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

type Bytes = readonly number[] | Uint8Array;

/** A module that wabt can't make, or that is too large for a repository. What is left out is as a guest has it. */
export interface Handmade {
  /** Minimum and maximum in pages; the first is exported as `memory`. Default [2]. */
  readonly memories?: readonly (readonly [minimum: number, maximum?: number])[];
  /** Minimum of a table of functions. */
  readonly table?: number;
  /** Hostcalls (env) of type () -> i32 or (i32, i32, i32) -> i32: they are functions 0, 1 and so on. */
  readonly imports?: readonly (readonly [name: string, parameters: 0 | 3])[];
  /** Code of `evil`, the callback of request headers; without its end. Default: Continue. */
  readonly body?: Bytes;
  /** Its locals behind the three parameters: count and type, each. */
  readonly locals?: readonly (readonly [count: number, type: number])[];
  /** Code of further functions, () -> (), the first with index imports + 3. */
  readonly functions?: readonly Bytes[];
  /** Offset in memory 0; undefined: passive. A memory index, for offsets. */
  readonly data?: readonly { readonly offset?: number; readonly memory?: number; readonly bytes: Bytes }[];
  /** A passive element segment of that many `evil`s. */
  readonly elements?: number;
  /** Name, kind, index. */
  readonly exports?: readonly (readonly [name: string, kind: number, index: number])[];
  /** Index of the start function. */
  readonly start?: number;
}

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
const EVIL_TYPE = 0;
const VOID_TYPE = 1;
const ALLOCATE_TYPE = 2;
const NONE_TYPE = 3;
/** Pages of a memory of 16 MiB. */
export const FULL = 256;

export function leb(value: number): number[] {
  const out: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) out.push((left % 128) | 0x80);
  return [...out, left];
}

/** i32.const, for 0 and more. */
export function i32(value: number): number[] {
  const out = leb(value);
  const last = out.pop()!;
  // A last byte with bit 6 would make the number negative.
  return last & 0x40 ? [0x41, ...out, last | 0x80, 0] : [0x41, ...out, last];
}

const concat = (parts: readonly Bytes[]): Uint8Array =>
  Buffer.concat(parts.map(part => Uint8Array.from(part)));
const vector = (items: readonly Bytes[]): Uint8Array => concat([leb(items.length), ...items]);
const section = (id: number, contents: Bytes): Uint8Array => concat([[id], leb(contents.length), contents]);
const text = (value: string): number[] => [...leb(Buffer.byteLength(value)), ...Buffer.from(value)];

/** The same code over and over. */
export function repeat(code: Bytes, times: number): Uint8Array {
  return Buffer.alloc(code.length * times, Uint8Array.from(code));
}

function codeOf(body: Bytes, locals: Handmade['locals'] = []): Uint8Array {
  const whole = concat([vector(locals.map(([count, type]) => [...leb(count), type])), body, [0x0b]]);
  return concat([leb(whole.length), whole]);
}

const CONTINUE = [0x41, 0];

export function encode(module: Handmade): Uint8Array {
  const { memories = [[2]], imports = [], functions = [], data = [], exports = [], elements = 0 } = module;
  const first = imports.length;
  const [evil, allocate, marker] = [first, first + 1, first + 2] as const;
  const passive = elements > 0 || data.length > 0;
  return concat([
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(
      1,
      vector([
        [0x60, 3, I32, I32, I32, 1, I32],
        [0x60, 0, 0],
        [0x60, 1, I32, 1, I32],
        [0x60, 0, 1, I32],
      ]),
    ),
    section(
      2,
      vector(imports.map(([name, n]) => [...text('env'), ...text(name), 0, n === 0 ? NONE_TYPE : EVIL_TYPE])),
    ),
    section(3, vector([[EVIL_TYPE], [ALLOCATE_TYPE], [VOID_TYPE], ...functions.map(() => [VOID_TYPE])])),
    ...(module.table === undefined ? [] : [section(4, vector([[0x70, 0, ...leb(module.table)]]))]),
    section(
      5,
      vector(
        memories.map(([min, max]) => (max === undefined ? [0, ...leb(min)] : [1, ...leb(min), ...leb(max)])),
      ),
    ),
    section(
      7,
      vector([
        [...text('memory'), 2, 0],
        [...text('proxy_on_request_headers'), 0, ...leb(evil)],
        [...text('proxy_on_memory_allocate'), 0, ...leb(allocate)],
        [...text('proxy_abi_version_0_2_1'), 0, ...leb(marker)],
        ...exports.map(([name, kind, index]) => [...text(name), kind, ...leb(index)]),
      ]),
    ),
    ...(module.start === undefined ? [] : [section(8, leb(module.start))]),
    ...(elements === 0 ? [] : [section(9, concat([[1, 1, 0], leb(elements), repeat(leb(evil), elements)]))]),
    ...(passive ? [section(12, leb(data.length))] : []),
    section(
      10,
      vector([
        codeOf(concat([module.body ?? [], CONTINUE]), module.locals),
        codeOf([0x41, 0x80, 0xc0, 0]),
        codeOf([]),
        ...functions.map(body => codeOf(body)),
      ]),
    ),
    ...(data.length === 0 ? [] : [section(11, vector(data.map(segmentOf)))]),
    section(
      0,
      concat([
        text('name'),
        [1],
        sized(
          vector([
            [...leb(evil), ...text('evil')],
            [...leb(allocate), ...text('allocate')],
          ]),
        ),
      ]),
    ),
  ]);
}

const sized = (contents: Bytes): Uint8Array => concat([leb(contents.length), contents]);

function segmentOf({ offset, memory = 0, bytes }: NonNullable<Handmade['data']>[number]): Uint8Array {
  const head =
    offset === undefined ? [1] : [...(memory === 0 ? [0] : [2, ...leb(memory)]), ...i32(offset), 0x0b];
  return concat([head, leb(bytes.length), bytes]);
}

/** Writes a module to a directory of its own, until the test ends; gives its path. */
export function handmade(t: Pick<TestContext, 'after'>, module: Handmade): string {
  const directory = mkdtempSync(join(tmpdir(), 'weir-hostile-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'guest.wasm');
  writeFileSync(path, encode(module));
  return path;
}
