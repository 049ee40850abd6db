import wabt from 'wabt';

/** A guest that checks the flag as rewritten modules do. */
export interface Guest {
  /** Returns at once. */
  nop(): void;
  /** So many turns of a loop. */
  spin(turns: number): void;
  /** Never returns by itself. */
  endless(): void;
}

const CHECK = '(if (i32.atomic.load (i32.const 0)) (then unreachable))';

const wat = await wabt();

export function makeGuest(memory: WebAssembly.Memory): Guest {
  const text = `(module
    (import "weir:engine" "interrupt" (memory 1 1 shared))
    (func (export "nop") ${CHECK})
    (func (export "spin") (param $left i32)
      ${CHECK}
      (loop $again
        ${CHECK}
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br_if $again (i32.gt_s (local.get $left) (i32.const 0)))))
    (func (export "endless") ${CHECK} (loop $again ${CHECK} (br $again))))`;
  const module = wat.parseWat('guest.wat', text, { threads: true });
  const bytes = new Uint8Array(module.toBinary({}).buffer);
  module.destroy();
  const imports = { 'weir:engine': { interrupt: memory } };
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports as unknown as Guest;
}
