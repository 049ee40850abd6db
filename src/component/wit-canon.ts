import type { Reader } from '../engine/binary.ts';
import { each } from './wit-read.ts';
import { type Scope, unsupported } from './wit-scope.ts';

/** What follows the opcode: `i` an index, `b` a byte, `o` options, `r` a result. Only lift defines a function here. */
const OPERANDS: ReadonlyMap<number, string> = new Map([
  // lower
  [0x01, 'bio'],
  // resource.new, .drop, .rep, async .drop
  ...[0x02, 0x03, 0x04, 0x07].map(opcode => [opcode, 'i'] as const),
  // task.cancel, subtask.cancel, task.return, subtask.drop
  [0x05, ''],
  [0x06, 'b'],
  [0x09, 'ro'],
  [0x0d, ''],
  // backpressure.set, .inc, .dec
  ...[0x08, 0x24, 0x25].map(opcode => [opcode, ''] as const),
  // context.get, .set; thread.yield
  [0x0a, 'bi'],
  [0x0b, 'bi'],
  [0x0c, 'b'],
  // stream and future: new, read, write, cancel-read, cancel-write, drop-readable, drop-writable
  ...[0x0e, 0x15].flatMap(first =>
    ['i', 'io', 'io', 'ib', 'ib', 'i', 'i'].map((operands, n) => [first + n, operands] as const),
  ),
  // error-context.new, .debug-message, .drop
  [0x1c, 'o'],
  [0x1d, 'o'],
  [0x1e, ''],
  // waitable-set.new, .wait, .poll, .drop; waitable.join
  [0x1f, ''],
  [0x20, 'bi'],
  [0x21, 'bi'],
  [0x22, ''],
  [0x23, ''],
]);

/** Binary.md: canon. */
export function canon(reader: Reader, scope: Scope): void {
  const opcode = reader.byte();
  if (opcode === 0) {
    reader.byte();
    reader.u32();
    options(reader);
    scope.add({ sort: 'func', type: scope.type(reader.u32()) });
    return;
  }
  const operands = OPERANDS.get(opcode);
  if (operands === undefined) throw unsupported(`a canonical function of kind ${opcode}`);
  for (const operand of operands) {
    if (operand === 'i') reader.u32();
    else if (operand === 'b') reader.byte();
    else if (operand === 'o') options(reader);
    else if (reader.byte() === 0) reader.s33();
    else reader.byte();
  }
}

function options(reader: Reader): void {
  each(reader, () => {
    const option = reader.byte();
    // memory, realloc, post-return, callback and core-type have an index.
    if ([3, 4, 5, 7, 8].includes(option)) reader.u32();
    else if (option > 9) throw unsupported(`an option ${option} of canonical functions`);
  });
}
