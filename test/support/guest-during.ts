import assert from 'node:assert/strict';
import type { AbiVersion } from '../../src/abi/types.ts';
import type { OptionOverrides } from './guest.ts';
import { Alloc, type CallbackName, type Handler, type Puppet, type Rig, rig, settle } from './guest.ts';
import { Drive, FakeExchange } from './guest-exchange.ts';
import type { GuestLog } from './guest-log.ts';
import type { FakeServices } from './services.ts';

export interface DuringOptions {
  readonly abi?: AbiVersion;
  readonly options?: OptionOverrides;
  readonly exchange?: FakeExchange;
  readonly log?: GuestLog;
  readonly services?: FakeServices;
}

/** Runs a whole exchange through one puppet; `handler` acts in that callback, the first time it comes. */
export async function during(
  callback: CallbackName,
  handler: Handler,
  { abi = '0.2.1', options = {}, exchange, log, services }: DuringOptions = {},
): Promise<{ rig: Rig; drive: Drive }> {
  let ran = false;
  const r = await rig(
    {
      [callback]: (
        p: Puppet,
        ...args: Parameters<Handler> extends [Puppet, ...infer Rest] ? Rest : never
      ) => {
        if (ran) return undefined;
        ran = true;
        return handler(p, ...args);
      },
    },
    { abi },
    log,
    services,
  );
  const plugin = r.start(options);
  const drive = new Drive(r.chain(plugin), exchange ?? new FakeExchange(['X-Case', 'Value', 'x-two', '1']));
  drive.whole();
  await settle();
  plugin.close();
  r.check();
  assert.ok(ran, `${callback} never ran`);
  return { rig: r, drive };
}

/** Pointers at which `size` bytes do not fit. */
export function badPointers(memorySize: number, size: number): number[] {
  return [
    memorySize - size + 1,
    memorySize - 1,
    memorySize,
    0x7fffffff,
    0x80000000,
    0xffffffff - size + 1,
    0xffffffff,
  ];
}

/** Sizes with which a range from `ptr` leaves the memory. */
export function badSizes(memorySize: number, ptr: number): number[] {
  return [memorySize - ptr + 1, 0x7fffffff, 0x80000000, 0xffffffff - ptr, 0xffffffff - ptr + 1, 0xffffffff];
}

/**
 * Calls a hostcall with each of its pointers bad in turn, and asserts that it answers `expected` and writes nothing.
 * `args` are good; `out` are the indexes of 4- or 8-byte results, `data` of pointers whose size follows them.
 */
export function assertPointersChecked(
  p: Puppet,
  name: string,
  args: readonly number[],
  {
    out = [],
    data = [],
    expected = 6,
    width = 4,
  }: Partial<Record<'out' | 'data', readonly number[]>> & {
    expected?: number;
    width?: number;
  },
): void {
  const attempt = (what: string, changed: readonly number[]) => {
    const before = Buffer.from(p.memory);
    const allocated = p.allocations.length;
    assert.equal(p.call(name, ...changed), expected, `${name} ${what}`);
    assert.ok(before.equals(p.memory), `${name} ${what} wrote to memory`);
    assert.equal(p.allocations.length, allocated, `${name} ${what} allocated`);
  };
  const end = p.size;
  for (const i of out) {
    for (const bad of badPointers(end, width)) attempt(`result ${i} at ${bad}`, args.with(i, bad));
  }
  for (const i of data) {
    const size = Math.max(1, args[i + 1]!);
    for (const bad of badPointers(end, size))
      attempt(`data ${i} at ${bad}`, args.with(i, bad).with(i + 1, size));
    for (const bad of badSizes(end, args[i]!)) attempt(`size ${i + 1} of ${bad}`, args.with(i + 1, bad));
    attempt(`no bytes behind the end, ${i}`, args.with(i, end + 1).with(i + 1, 0));
  }
}

/**
 * Calls what allocates in the guest with every way an allocator can fail, then with ones that are merely unusual.
 * `args` end with the two result pointers. @returns the last result's bytes
 */
export function assertAllocatorChecked(
  p: Puppet,
  name: string,
  args: readonly number[],
  expected: Buffer,
): void {
  const at = args.at(-2)!;
  for (const mode of [Alloc.NULL, Alloc.OUT_OF_RANGE, Alloc.ONE_TOO_FAR]) {
    p.allocator(mode);
    p.poison(at, 8);
    assert.equal(p.call(name, ...args), 6, `${name} with allocator ${mode}`);
    assert.equal(p.bytes(at, 8).toString('hex'), 'aa'.repeat(8), `${name} with allocator ${mode}`);
  }
  for (const mode of [Alloc.NORMAL, Alloc.MISALIGNED, Alloc.GROWING]) {
    p.allocator(mode);
    p.poison(at, 8);
    const size = p.size;
    assert.equal(p.call(name, ...args), 0, `${name} with allocator ${mode}`);
    assert.deepEqual(p.bytes(p.u32(at), p.u32(at + 4)), expected, `${name} with allocator ${mode}`);
    assert.equal(p.size, mode === Alloc.GROWING ? size + 65536 : size);
    assert.equal(p.allocations.at(-1), expected.length);
  }
  p.allocator(Alloc.NORMAL);
}
