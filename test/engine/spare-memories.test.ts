import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compile, sha256 } from '../../src/engine/compile.ts';
import { makeMemories } from '../../src/engine/instantiate.ts';
import { SpareMemories } from '../../src/engine/spare-memories.ts';
import { assemble, LIMITS } from '../support/guest.ts';

const PAGE = 65_536;
const FLAG = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });

const load = (text: string) => {
  const bytes = assemble(`(module ${text})`);
  return compile(bytes, sha256(bytes), LIMITS);
};

describe('memories of instances that ended', () => {
  it('come back whole: the size they began with, and zeros from end to end', async () => {
    const compiled = await load('(memory (export "memory") 2 8)');
    const spare = new SpareMemories(compiled);
    assert.equal(spare.take(), undefined);
    const first = makeMemories(compiled, FLAG, spare);
    new Uint8Array(first.own[0]!.buffer).fill(0xaa);
    spare.give(first.own);
    const second = makeMemories(compiled, FLAG, spare);
    assert.equal(second.own[0], first.own[0]);
    assert.equal(spare.size, 0);
    const bytes = Buffer.from(second.own[0]!.buffer);
    assert.ok(bytes.equals(Buffer.alloc(2 * PAGE)));
    assert.notEqual(makeMemories(compiled, FLAG, spare).own[0], second.own[0]);
    // Its maximum is what it was.
    assert.equal(second.own[0]!.grow(6), 2);
    assert.throws(() => second.own[0]!.grow(1), RangeError);
  });

  it('leave nothing in the hands of who had a view of them', async () => {
    const compiled = await load('(memory 1)');
    const spare = new SpareMemories(compiled);
    const { own } = makeMemories(compiled, FLAG, spare);
    const view = Buffer.from(own[0]!.buffer);
    spare.give(own);
    assert.equal(view.length, 0);
  });

  it('are not used again when one of them has grown, before or after', async () => {
    const compiled = await load('(memory 1) (memory 2)');
    const spare = new SpareMemories(compiled);
    const grown = makeMemories(compiled, FLAG, spare);
    grown.own[1]!.grow(1);
    spare.give(grown.own);
    assert.equal(spare.size, 0);
    const later = makeMemories(compiled, FLAG, spare);
    spare.give(later.own);
    assert.equal(spare.size, 1);
    later.own[0]!.grow(1);
    assert.equal(spare.take(), undefined);
    assert.equal(spare.size, 0);
  });

  it('are those of the same module only', async () => {
    const compiled = await load('(memory 1) (memory 2)');
    const spare = new SpareMemories(compiled);
    const [one, two] = makeMemories(compiled, FLAG, spare).own;
    for (const memories of [[], [one!], [two!, one!], [one!, two!, one!]]) spare.give(memories);
    assert.equal(spare.size, 0);
    spare.give([one!, two!]);
    assert.equal(spare.size, 1);
  });

  it('are bounded, by number and by bytes', async () => {
    const most = async (text: string) => {
      const compiled = await load(text);
      const spare = new SpareMemories(compiled);
      for (let i = 0; i < 100; i++) spare.give(makeMemories(compiled, FLAG).own);
      return spare.size;
    };
    assert.equal(await most('(memory 1)'), 16);
    assert.equal(await most('(memory 9)'), 7);
    assert.equal(await most('(memory 16)'), 4);
    assert.equal(await most('(memory 17)'), 0);
    assert.equal(await most('(memory 0 4)'), 0);
    assert.equal(await most('(memory 1 4 shared)'), 0);
    assert.equal(await most('(func)'), 0);
  });
});
