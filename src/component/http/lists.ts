import { WasiTrap } from '../wasi/trap.ts';
import type { HttpLimits } from './instance.ts';

type Call = (...args: number[]) => unknown;

const TYPES = /^wasi:http\/types@/;

/**
 * Lists within lists may all name the same memory: what a guest of 4 MiB passes could be terabytes once the glue has
 * copied it. So the two functions that take such lists first look how much that is. Gives `imports`, those of one core
 * module, with these two replaced. `memory`: the guest's, once it is there.
 */
export function guardLists(
  imports: WebAssembly.Imports,
  limits: HttpLimits,
  memory: () => WebAssembly.Memory | undefined,
): WebAssembly.Imports {
  const guarded: Record<string, WebAssembly.ModuleImports> = { ...imports };
  for (const name of Object.keys(imports)) {
    if (TYPES.test(name)) guarded[name] = guardTypes({ ...imports[name] }, limits, memory);
  }
  return guarded;
}

function guardTypes(
  types: WebAssembly.ModuleImports,
  limits: HttpLimits,
  memory: () => WebAssembly.Memory | undefined,
): WebAssembly.ModuleImports {
  const guard = (item: string, sizes: (view: DataView, args: readonly number[]) => number) => {
    const call = types[item];
    if (typeof call !== 'function') return;
    types[item] = ((...args: number[]) => {
      const size = sizes(new DataView(memory()?.buffer ?? new ArrayBuffer(0)), args);
      if (size > limits.headerBytes) {
        limits.hit('headerBytes');
        throw new WasiTrap(`${item} of ${size} bytes: limits.headerBytes is ${limits.headerBytes}`);
      }
      return (call as Call)(...args);
    }) as WebAssembly.ImportValue;
  };
  // list<tuple<string, list<u8>>>: address, length
  guard('[static]fields.from-list', (view, [at = 0, count = 0]) =>
    total(view, at, count, 16, [4, 12], limits),
  );
  // self; string; list<list<u8>>
  guard('[method]fields.set', (view, [, , , at = 0, count = 0]) => total(view, at, count, 8, [4], limits));
  return types;
}

/** Bytes of a list's strings: of each item of `stride` bytes, lengths stand at `offsets`. Each item counts one more. */
function total(
  view: DataView,
  at: number,
  count: number,
  stride: number,
  offsets: readonly number[],
  { headerBytes }: HttpLimits,
): number {
  const items = count >>> 0;
  if (items > headerBytes) return items;
  const start = at >>> 0;
  // What is outside is the glue's to refuse.
  if (start + items * stride > view.byteLength) return 0;
  let sum = items;
  for (let i = 0; i < items && sum <= headerBytes; i++) {
    for (const offset of offsets) sum += view.getUint32(start + i * stride + offset, true);
  }
  return sum;
}
