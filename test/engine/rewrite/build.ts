/** Core modules by hand, for what wabt can't assemble. */
export type Bytes = readonly number[];

/** Unsigned LEB128. */
export function leb(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  return [...out, rest];
}

/** Signed LEB128. */
export function sleb(value: number | bigint): number[] {
  const out: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const byte = Number(rest & 0x7fn);
    const last = rest >> 7n === (byte & 0x40 ? -1n : 0n);
    out.push(last ? byte : byte | 0x80);
    if (last) return out;
  }
}

export const vec = (items: readonly Bytes[]) => [...leb(items.length), ...items.flat()];
export const text = (value: string) => [...leb(Buffer.byteLength(value)), ...Buffer.from(value)];
export const section = (id: number, contents: Bytes) => [id, ...leb(contents.length), ...contents];
export const sectionOf = (id: number, items: readonly Bytes[]) =>
  items.length === 0 ? [] : section(id, vec(items));
export const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
export const I32 = 0x7f;
export const I64 = 0x7e;
export const FUNCREF = 0x70;
export const func = (params: Bytes, results: Bytes) => [
  0x60,
  ...vec(params.map(p => [p])),
  ...vec(results.map(r => [r])),
];
/** A function's body: its locals as (count, type) bytes, its code without the last `end`. */
export const body = (code: Bytes, locals: readonly Bytes[] = []) => {
  const all = [...vec(locals), ...code, 0x0b];
  return [...leb(all.length), ...all];
};
export const exportOf = (name: string, kind: number, index: number) => [...text(name), kind, ...leb(index)];
export const custom = (name: string, contents: Bytes = []) => section(0, [...text(name), ...contents]);

/** What a module has, section by section; each entry as the section holds it. */
export interface Parts {
  readonly types?: readonly Bytes[];
  readonly imports?: readonly Bytes[];
  /** Type indices of the functions. */
  readonly functions?: readonly number[];
  readonly tables?: readonly Bytes[];
  readonly memories?: readonly Bytes[];
  readonly tags?: readonly Bytes[];
  readonly globals?: readonly Bytes[];
  readonly exports?: readonly Bytes[];
  readonly elements?: readonly Bytes[];
  readonly code?: readonly Bytes[];
  readonly data?: readonly Bytes[];
  readonly dataCount?: number;
}

export function build(parts: Parts): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...HEADER,
    ...sectionOf(1, parts.types ?? []),
    ...sectionOf(2, parts.imports ?? []),
    ...sectionOf(
      3,
      (parts.functions ?? []).map(type => leb(type)),
    ),
    ...sectionOf(4, parts.tables ?? []),
    ...sectionOf(5, parts.memories ?? []),
    ...sectionOf(13, parts.tags ?? []),
    ...sectionOf(6, parts.globals ?? []),
    ...sectionOf(7, parts.exports ?? []),
    ...sectionOf(9, parts.elements ?? []),
    ...(parts.dataCount === undefined ? [] : section(12, leb(parts.dataCount))),
    ...sectionOf(10, parts.code ?? []),
    ...sectionOf(11, parts.data ?? []),
  ]);
}
