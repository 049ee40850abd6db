import assert from 'node:assert/strict';
import { Core, type Exports, interrupter, jspi, segments } from './suspended.ts';

export const TRAP = WebAssembly.RuntimeError;
export const flag = () => new Int32Array(interrupter.memory.buffer)[0];

/** `run(before, after)`: what it does before it waits, and after. 1: loops. 2: traps. 3: calls `now`. Gives 42 more. */
const core = new Core(`(module
  (import "host" "wait" (func $wait (result i32)))
  (import "host" "now" (func $now))
  (func $do (param $what i32)
    (if (i32.eq (local.get $what) (i32.const 1)) (then (loop $again (br $again))))
    (if (i32.eq (local.get $what) (i32.const 2)) (then unreachable))
    (if (i32.eq (local.get $what) (i32.const 3)) (then (call $now))))
  (func (export "do") (param i32) (call $do (local.get 0)))
  (func (export "run") (param i32 i32) (result i32)
    (call $do (local.get 0))
    (i32.add (call $wait) (i32.const 42))
    (call $do (local.get 1)))
  (func (export "forever") (param $left i32)
    (loop $again
      (drop (call $wait))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  (func (export "spin") (param $turns i32)
    (loop $again
      (local.set $turns (i32.sub (local.get $turns) (i32.const 1)))
      (br_if $again (local.get $turns)))))`);

export const none = () => {};

export function guest(wait: () => unknown, now: (exports: Exports) => void = none, of = segments()) {
  const exports: Exports = core.make(of, {
    host: { wait: new jspi.Suspending(wait), now: () => now(exports) },
  });
  const run = jspi.promising(exports['run']!);
  return { of, exports, run, forever: jspi.promising(exports['forever']!) };
}

/** A callback of somebody else, in which nothing happens to it. */
export function ordinary(): void {
  const { exports } = guest(none);
  interrupter.enter(2000);
  assert.equal(flag(), 0);
  exports['spin']!(1000);
  assert.equal(interrupter.leave(), false);
}
