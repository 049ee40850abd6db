import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loweredCallbacks } from '../../../src/component/filter/lowered-callbacks.ts';
import { CALLBACK_TYPES } from '../../../src/component/filter/signatures.ts';
import { GuestMemory } from '../../../src/engine/memory.ts';

const NAME = 'weir:filter/http@0.1.0';

/** A guest whose functions give 0, 1, 2… in order, and note how they were called. */
function guest(withPost: boolean) {
  const calls: string[] = [];
  const exports: WebAssembly.Exports = {};
  let next = 0;
  for (const [item, type] of Object.entries(CALLBACK_TYPES)) {
    const results = type.split(':')[1];
    exports[`${NAME}#${item}`] = () => {
      const gives = results === '' ? undefined : /\.on-(vm-start|configure)$/.test(item) ? 64 : next++ % 2;
      calls.push(`${item} = ${gives}`);
      return gives;
    };
    if (!withPost || item.startsWith('[dtor]')) continue;
    exports[`cabi_post_${NAME}#${item}`] = (result: unknown) => calls.push(`post ${item} ${result}`);
  }
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
  const core = { memory, host: { buffer: () => undefined }, allocate: () => 0, refused() {} };
  return { calls, callbacks: loweredCallbacks(core as never, exports, NAME)! };
}

for (const withPost of [true, false]) {
  test(`${withPost ? 'a guest that wants it is' : 'one that has no such functions is not'} told when results were taken`, () => {
    const { calls, callbacks } = guest(withPost);
    callbacks.contextCreate(1, 0, 0);
    callbacks.vmStart(1, 0, 0);
    callbacks.configure(1, 0, 0);
    callbacks.contextCreate(2, 1, 0);
    callbacks.requestHeaders!(2, 1, 1);
    callbacks.responseTrailers!(2, 1, 0);
    for (const id of [2, 1]) {
      callbacks.done(id, 0, 0);
      callbacks.log(id, 0, 0);
      callbacks.delete(id, 0, 0);
    }
    const made = calls.filter(call => !call.startsWith('post'));
    assert.equal(made.length, 12);
    const expected = made.flatMap(call => {
      const [item, gives] = call.split(' = ');
      return !withPost || item!.startsWith('[dtor]') ? [call] : [call, `post ${item} ${gives}`];
    });
    assert.deepEqual(calls, expected);
  });
}
