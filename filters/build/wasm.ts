/** Looks into a WebAssembly binary, and takes exports away that the host need not call. */

const EXPORT_SECTION = 7;
const HEADER_SIZE = 8;

/** Always kept, whatever a filter's callbacks are. */
const NEEDED = new Set([
  'memory',
  '_initialize',
  '_start',
  'malloc',
  'proxy_on_memory_allocate',
  'proxy_abi_version_0_1_0',
  'proxy_abi_version_0_2_0',
  'proxy_abi_version_0_2_1',
  'proxy_on_context_create',
  'proxy_on_configure',
  'proxy_on_delete',
]);

interface Section {
  readonly id: number;
  /** Where the section begins: its id. */
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

function readU32(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined || shift > 28) throw new Error('not a WebAssembly module');
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next: at };
  }
}

function u32(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  bytes.push(left);
  return bytes;
}

function* sections(bytes: Uint8Array): Generator<Section> {
  for (let start = HEADER_SIZE; start < bytes.length; ) {
    const size = readU32(bytes, start + 1);
    const end = size.next + size.value;
    yield { id: bytes[start]!, start, body: size.next, end };
    start = end;
  }
}

/** The same module without the exports that are neither needed nor among `callbacks`. */
export function keepExports(bytes: Uint8Array, callbacks: readonly string[]): Uint8Array {
  const section = [...sections(bytes)].find(({ id }) => id === EXPORT_SECTION);
  if (section === undefined) throw new Error('the module exports nothing');
  const kept: Uint8Array[] = [];
  const text = new TextDecoder();
  const count = readU32(bytes, section.body);
  let at = count.next;
  for (let i = 0; i < count.value; i++) {
    const start = at;
    const length = readU32(bytes, at);
    const name = text.decode(bytes.subarray(length.next, length.next + length.value));
    at = readU32(bytes, length.next + length.value + 1).next;
    if (NEEDED.has(name) || callbacks.includes(name)) kept.push(bytes.subarray(start, at));
  }
  const body = Buffer.concat([Buffer.from(u32(kept.length)), ...kept]);
  const head = Buffer.from([EXPORT_SECTION, ...u32(body.length)]);
  return Buffer.concat([bytes.subarray(0, section.start), head, body, bytes.subarray(section.end)]);
}

/** What is wrong with a finished module, in words; nothing when it may be shipped. */
export function* faults(
  bytes: Uint8Array,
  callbacks: readonly string[],
  localPaths: readonly string[],
): Generator<string> {
  const module = new WebAssembly.Module(Buffer.from(bytes));
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const known = from === 'wasi_snapshot_preview1' || (from === 'env' && name.startsWith('proxy_'));
    if (!known) yield `it imports ${from}.${name}, which no Proxy-Wasm host has`;
  }
  const names = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  for (const name of ['memory', ...callbacks]) {
    if (!names.has(name)) yield `it does not export ${name}`;
  }
  if (!names.has('proxy_on_memory_allocate') && !names.has('malloc')) yield 'it exports no allocator';
  if (![...names].some(name => name.startsWith('proxy_abi_version_'))) yield 'it names no ABI version';
  yield* pathsIn(bytes, localPaths);
}

/** Paths of this machine in a binary, in words. */
export function* pathsIn(bytes: Uint8Array, localPaths: readonly string[]): Generator<string> {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const path of localPaths) {
    const at = content.indexOf(path);
    if (at >= 0) yield `it holds a path of this machine: ${content.toString('latin1', at, at + 80)}`;
  }
}
