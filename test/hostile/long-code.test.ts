import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { type ChildWeir, startChildWeir } from '../support/child-weir.ts';
import { MemoryLog } from '../support/log.ts';
import { weirConfig } from '../support/weir.ts';
import { FULL, type Handmade, handmade, i32, repeat } from './encode.ts';
import { interrupted } from './expect.ts';
import { send } from './load.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const ALL = 16 * MIB;
const DROP = 0x1a;
const CALL = 0x10;
const NULL_FUNCTION = [0xd0, 0x70];
/** f64.load, square roots of that, f64.store. */
const roots = (count: number) => [...i32(0), ...i32(0), 0x2b, 3, 0, ...repeat([0x9f], count), 0x39, 3, 0];
const FULL_MEMORY = [[FULL]] as const;
const FUNCTION = 64 * KIB;

/** Functions with that code over and over, and `evil` calls one after the other. */
function spread(code: readonly number[], times: number, imports: Handmade['imports'] = []): Handmade {
  const each = Math.ceil(FUNCTION / code.length);
  const functions = Array.from({ length: Math.ceil(times / each) }, () => repeat(code, each));
  const first = imports.length + 3;
  // Two bytes of LEB128 for each index.
  const body = functions.flatMap((_, i) => [CALL, ((first + i) & 0x7f) | 0x80, (first + i) >> 7]);
  return { imports, functions, body };
}

/** No loop in any of them, and no function that is out of the ordinary. */
describe('code without a loop is interrupted', () => {
  const bulk = (numbers: readonly number[], ...instruction: number[]) =>
    spread([...numbers.flatMap(i32), 0xfc, ...instruction], 50_000);
  interrupted('memory.fill', { guest: { ...bulk([0, 7, ALL], 11, 0), memories: FULL_MEMORY } });
  interrupted('memory.copy', { guest: { ...bulk([0, 1, ALL - 1], 10, 0, 0), memories: FULL_MEMORY } });
  const data = [{ bytes: Buffer.alloc(4 * MIB, 7) }];
  interrupted('memory.init', { guest: { ...bulk([0, 0, 4 * MIB], 8, 0, 0), memories: FULL_MEMORY, data } });
  interrupted('memory.grow', { guest: spread([...i32(0), 0x40, 0, DROP], 500_000) });
  const table = 60_000;
  const filter = { limits: { tableElements: table } };
  const fill = spread([...i32(0), ...NULL_FUNCTION, ...i32(table), 0xfc, 17, 0], 50_000);
  interrupted('table.fill', { guest: { ...fill, table }, filter });
  interrupted('table.copy', { guest: { ...bulk([0, 1, table - 1], 14, 0, 0), table }, filter });
  interrupted('table.init', { guest: { ...bulk([0, 0, table], 12, 0, 0), table, elements: table }, filter });
  interrupted('square roots', { guest: spread(roots(1000), 10_000) });
  const few = { limits: { logLines: 10 } };
  const line = [...i32(2), ...i32(0), ...i32(131_072), CALL, 0, DROP];
  interrupted('long log lines', { guest: spread(line, 50_000, [['proxy_log', 3]]), filter: few });
  // Too short to have a check of its own.
  const calls = spread([CALL, 3], 500_000);
  const body = calls.body!.map((byte, i) => (i % 3 === 1 ? byte + 1 : byte));
  const short = { body, functions: [roots(200), ...calls.functions!] };
  interrupted('calls of a short function', { guest: short });
});

/** Calls of an empty function: what compilers make the most of. */
const longFunction = (bytes: number): Handmade => ({
  body: repeat([CALL, 3], bytes / 2),
  functions: [[]],
});

/** A Weir in a process of its own, whose memory and code nobody else has. */
function startAlone(t: TestContext, bytes: number, callTime: string): Promise<ChildWeir> {
  return startChildWeir(t, {
    filters: { evil: { module: handmade(t, longFunction(bytes)), limits: { callTime } } },
  });
}

const LIMIT = 256 * KIB;

describe('one long function', () => {
  it('that is longer than limits.functionSize is refused, with both numbers', async t => {
    const filters = { evil: { module: handmade(t, longFunction(4 * MIB)) } };
    const [refusal] = await checkFilters(weirConfig({ filters }), new MemoryLog());
    assert.equal(refusal?.code, 'MODULE_LIMIT');
    assert.match(refusal.message, /function \d+ has 4\d+ bytes of code, limits\.functionSize is 256 KiB/);
  });

  it('does not take the thread for long when V8 compiles it, at its first call', async t => {
    const child = await startAlone(t, LIMIT - 100, '100ms');
    const start = performance.now();
    await send(child.port, { path: '/' });
    const time = performance.now() - start;
    t.diagnostic(`${time.toFixed(0)} ms`);
    assert.ok(time < 500);
  });

  it('does not cost hundreds of megabytes when V8 optimizes it, in the background', async t => {
    const child = await startAlone(t, LIMIT - 100, '2s');
    const before = await child.memory();
    let most = 0;
    for (let i = 0; i < 40; i++) {
      assert.equal((await send(child.port, { path: '/' })).status, 200);
      most = Math.max(most, await child.memory());
    }
    t.diagnostic(`${((most - before) / MIB).toFixed(0)} MiB more`);
    assert.ok(most - before < 300 * MIB);
  });
});
