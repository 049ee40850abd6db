/** Modules whose loops are as tight as they get: each exports `run(n)`, and all its functions. */

export interface Loop {
  readonly name: string;
  readonly text: string;
  /** Argument of `run` for about a millisecond. */
  readonly n: number;
}

/** `body` in a loop that counts $n down to 0; `locals` are its own. */
const counted = (locals: string, body: string, result: string) => `
  (module (memory (export "memory") 2)
    (func (export "run") (param $n i32) (result i32) ${locals}
      (loop $l ${body} (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      ${result}))`;

const SUM = counted(
  '(local $s i32)',
  '(local.set $s (i32.xor (i32.add (local.get $s) (local.get $n)) (i32.const 0x55aa)))',
  '(local.get $s)',
);

const BYTES = `
  (module (memory (export "memory") 2)
    (func (export "scan") (param $p i32) (param $end i32) (result i32) (local $s i32)
      (loop $l
        (local.set $s (i32.add (local.get $s) (i32.load8_u (local.get $p))))
        (br_if $l (i32.lt_u (local.tee $p (i32.add (local.get $p) (i32.const 1))) (local.get $end))))
      (local.get $s))
    (func (export "run") (param $n i32) (result i32) (local $s i32)
      (loop $l
        (local.set $s (i32.add (local.get $s) (call 0 (i32.const 0) (i32.const 65536))))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $s)))`;

const NESTED = counted(
  '(local $i i32) (local $j i32) (local $s i32)',
  `(local.set $i (i32.const 8))
   (loop $outer
     (local.set $j (i32.const 8))
     (loop $inner
       (local.set $s (i32.add (i32.rotl (local.get $s) (i32.const 3)) (i32.mul (local.get $i) (local.get $j))))
       (br_if $inner (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
     (br_if $outer (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))`,
  '(local.get $s)',
);

const FIB = `
  (module (memory (export "memory") 1)
    (func $fib (export "run") (param $n i32) (result i32)
      (if (result i32) (i32.lt_u (local.get $n) (i32.const 2)) (then (local.get $n))
        (else (i32.add
          (call $fib (i32.sub (local.get $n) (i32.const 1)))
          (call $fib (i32.sub (local.get $n) (i32.const 2))))))))`;

/** Small functions that call each other, one of them through a table, as an allocator or a formatter does. */
const CALLS = `
  (module (memory (export "memory") 1) (table 4 funcref) (type $f (func (param i32) (result i32)))
    (elem (i32.const 0) $up $down $up $mix)
    (func $up (export "up") (type $f) (i32.add (local.get 0) (i32.const 7)))
    (func $down (export "down") (type $f) (i32.sub (local.get 0) (i32.const 3)))
    (func $mix (export "mix") (type $f) (i32.xor (call $up (local.get 0)) (call $down (local.get 0))))
    (func $at (export "at") (param $i i32) (param $x i32) (result i32)
      (call_indirect (type $f) (local.get $x) (i32.and (local.get $i) (i32.const 3))))
    (func (export "run") (param $n i32) (result i32) (local $s i32)
      (loop $l
        (local.set $s (call $mix (i32.add (local.get $s) (call $at (local.get $n) (local.get $s)))))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $s)))`;

/**
 * A stack machine: its stack is in memory behind $sp, an instruction is an opcode and an operand of a byte each.
 * The program: x = x * 3 + 7 - (x >> 5), as long as the counter, local 1, is not 0.
 */
const INTERPRETER = `
  (module (memory (export "memory") 1)
    (data (i32.const 256)
      "\\00\\00\\01\\03\\04\\00\\01\\07\\02\\00\\00\\00\\01\\05\\05\\00\\03\\00\\06\\00"
      "\\00\\01\\01\\01\\03\\00\\06\\01\\00\\01\\07\\00\\08\\00")
    (func $machine (export "machine") (local $pc i32) (local $sp i32) (local $arg i32) (local $a i32)
      (local.set $pc (i32.const 256))
      (local.set $sp (i32.const 1024))
      (block $halt (loop $next
        (local.set $arg (i32.load8_u offset=1 (local.get $pc)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 2)))
        (block $jump (block $set (block $shr (block $mul (block $sub (block $add (block $const (block $get
          (br_table $get $const $add $sub $mul $shr $set $jump $halt
            (i32.load8_u (i32.sub (local.get $pc) (i32.const 2)))))
          (i32.store (local.get $sp) (i32.load (i32.shl (local.get $arg) (i32.const 2))))
          (local.set $sp (i32.add (local.get $sp) (i32.const 4))) (br $next))
          (i32.store (local.get $sp) (local.get $arg))
          (local.set $sp (i32.add (local.get $sp) (i32.const 4))) (br $next))
          (local.set $sp (local.tee $a (i32.sub (local.get $sp) (i32.const 4))))
          (i32.store (i32.sub (local.get $a) (i32.const 4))
            (i32.add (i32.load (i32.sub (local.get $a) (i32.const 4))) (i32.load (local.get $a)))) (br $next))
          (local.set $sp (local.tee $a (i32.sub (local.get $sp) (i32.const 4))))
          (i32.store (i32.sub (local.get $a) (i32.const 4))
            (i32.sub (i32.load (i32.sub (local.get $a) (i32.const 4))) (i32.load (local.get $a)))) (br $next))
          (local.set $sp (local.tee $a (i32.sub (local.get $sp) (i32.const 4))))
          (i32.store (i32.sub (local.get $a) (i32.const 4))
            (i32.mul (i32.load (i32.sub (local.get $a) (i32.const 4))) (i32.load (local.get $a)))) (br $next))
          (local.set $sp (local.tee $a (i32.sub (local.get $sp) (i32.const 4))))
          (i32.store (i32.sub (local.get $a) (i32.const 4))
            (i32.shr_u (i32.load (i32.sub (local.get $a) (i32.const 4))) (i32.load (local.get $a)))) (br $next))
          (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
          (i32.store (i32.shl (local.get $arg) (i32.const 2)) (i32.load (local.get $sp))) (br $next))
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (if (i32.load (local.get $sp)) (then (local.set $pc (i32.const 256))))
        (br $next))))
    (func (export "run") (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1))
      (loop $l
        (i32.store (i32.const 4) (i32.const 16))
        (call $machine)
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.load (i32.const 0))))`;

/** Pieces of 0 to 127 bytes: what a Vec or a slice does when it is cloned. */
const COPIES = counted(
  '(local $size i32)',
  `(local.set $size (i32.and (i32.mul (local.get $n) (i32.const 37)) (i32.const 127)))
   (memory.copy
     (i32.add (i32.const 65536) (i32.and (local.get $n) (i32.const 0x7fff)))
     (i32.and (i32.mul (local.get $n) (i32.const 61)) (i32.const 0x7fff))
     (local.get $size))`,
  '(i32.load (i32.const 65536))',
);

/** A copy by hand, 8 bytes at a time: what libraries do without bulk memory. */
const WORDS = `
  (module (memory (export "memory") 2)
    (func (export "copy") (param $to i32) (param $from i32) (param $end i32)
      (loop $l
        (i64.store (local.get $to) (i64.load (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))
        (br_if $l (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 8))) (local.get $end)))))
    (func (export "run") (param $n i32) (result i32)
      (loop $l
        (call 0 (i32.const 65536) (i32.const 0) (i32.const 4096))
        (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.load (i32.const 65536))))`;

const MULTIPLY = counted(
  '(local $x i64)',
  `(local.set $x (i64.add (i64.mul (local.get $x) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))`,
  '(i32.wrap_i64 (i64.shr_u (local.get $x) (i64.const 32)))',
);

const FLOATS = counted(
  '(local $p i32) (local $s f64)',
  `(local.set $p (i32.and (i32.mul (local.get $n) (i32.const 8)) (i32.const 0x7ff8)))
   (local.set $s (f64.add (local.get $s) (f64.mul (f64.load (local.get $p)) (f64.load offset=32768 (local.get $p)))))`,
  '(i32.trunc_sat_f64_s (local.get $s))',
);

export const LOOPS: readonly Loop[] = [
  { name: 'sum', text: SUM, n: 500_000 },
  { name: 'bytes of a memory', text: BYTES, n: 15 },
  { name: 'nested loops', text: NESTED, n: 5_000 },
  { name: 'fib, recursive', text: FIB, n: 22 },
  { name: 'small functions', text: CALLS, n: 100_000 },
  { name: 'br_table interpreter', text: INTERPRETER, n: 1_500 },
  { name: 'memory.copy, 0-127 bytes', text: COPIES, n: 50_000 },
  { name: 'copy by 8 bytes', text: WORDS, n: 1_500 },
  { name: 'i64 multiply', text: MULTIPLY, n: 400_000 },
  { name: 'f64 product of vectors', text: FLOATS, n: 300_000 },
];
