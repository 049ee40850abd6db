/**
 * What jco's glue copies out of guests for each other, in one call: lists within lists may all be the same piece of
 * memory, so that a few MiB of a guest's become gigabytes of ours, and no watchdog ends a copy in JavaScript.
 */
const COPIED_MAX = 128 * 1024 * 1024;
/** Beside its bytes, what an array or a string takes. */
const OVERHEAD = 256;

let left = COPIED_MAX;

/** A call into a guest begins: nothing was copied yet. */
export function countCopies(): void {
  left = COPIED_MAX;
}

function count(bytes: number): void {
  left -= bytes + OVERHEAD;
  if (left >= 0) return;
  throw new WebAssembly.RuntimeError(
    `components passed more than ${COPIED_MAX} bytes to each other in one call: their lists overlap, or are too many`,
  );
}

/** As the glue's `TextDecoder`. */
class CountedDecoder {
  readonly #decoder: TextDecoder;

  constructor(label?: string) {
    this.#decoder = new TextDecoder(label);
  }

  decode(bytes: NodeJS.ArrayBufferView): string {
    count(bytes.byteLength);
    return this.#decoder.decode(bytes);
  }
}

type ArrayClass = new (...args: unknown[]) => { readonly byteLength: number };

/** As a class of typed arrays: what it makes is counted, and an instance of that class. */
function counted(original: unknown): unknown {
  const ArrayOf = original as ArrayClass;
  const made = function construct(...args: unknown[]): object {
    const array = new ArrayOf(...args);
    count(array.byteLength);
    return array;
  };
  made.prototype = ArrayOf.prototype;
  return Object.setPrototypeOf(made, ArrayOf);
}

/** In place of the global ones, by name. */
export const COUNTED: Readonly<Record<string, unknown>> = {
  TextDecoder: CountedDecoder,
  ...Object.fromEntries(
    [
      Uint8Array,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      BigUint64Array,
      BigInt64Array,
      Float32Array,
      Float64Array,
    ].map(original => [original.name, counted(original)]),
  ),
};
