import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FULL, type Handmade, handmade, i32, repeat } from './encode.ts';
import { assertReported, assertSurvived, attack, deaths } from './harness.ts';

const MIB = 1024 * 1024;
const ALL = 16 * MIB;
const DROP = 0x1a;
const NULL_FUNCTION = [0xd0, 0x70];
/** f64.const 1e300; square roots of it; drop. */
const roots = (count: number) => [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f, ...repeat([0x9f], count), DROP];
const FULL_MEMORY = [[FULL]] as const;
const data = [{ bytes: Buffer.alloc(8 * MIB, 7) }];

/** No loop in any of them: what takes long is one function, from its begin to its end. */
const GUESTS: readonly (readonly [string, Handmade])[] = [
  [
    '50,000 memory.fill',
    { memories: FULL_MEMORY, body: repeat([...i32(0), ...i32(7), ...i32(ALL), 0xfc, 11, 0], 50_000) },
  ],
  [
    '50,000 memory.copy',
    { memories: FULL_MEMORY, body: repeat([...i32(0), ...i32(1), ...i32(ALL - 1), 0xfc, 10, 0, 0], 50_000) },
  ],
  [
    '50,000 memory.init of 8 MiB',
    {
      memories: FULL_MEMORY,
      data,
      body: repeat([...i32(0), ...i32(0), ...i32(8 * MIB), 0xfc, 8, 0, 0], 50_000),
    },
  ],
  ['200,000 memory.grow(0)', { body: repeat([...i32(0), 0x40, 0, DROP], 200_000) }],
  [
    '50,000 table.fill',
    { table: 60_000, body: repeat([...i32(0), ...NULL_FUNCTION, ...i32(60_000), 0xfc, 17, 0], 50_000) },
  ],
  [
    '50,000 table.copy',
    { table: 60_000, body: repeat([...i32(0), ...i32(1), ...i32(59_999), 0xfc, 14, 0, 0], 50_000) },
  ],
  [
    '50,000 table.init',
    {
      table: 60_000,
      elements: 60_000,
      body: repeat([...i32(0), ...i32(0), ...i32(60_000), 0xfc, 12, 0, 0], 50_000),
    },
  ],
  [
    '200,000 table.grow(0)',
    { table: 60_000, body: repeat([...NULL_FUNCTION, ...i32(0), 0xfc, 15, 0, DROP], 200_000) },
  ],
  ['6 MB of square roots', { body: repeat(roots(1000), 6000) }],
  [
    '6 MB of square roots in sixty functions',
    {
      body: Array.from({ length: 60 }, (_, i) => [0x10, i + 3]).flat(),
      functions: Array.from({ length: 60 }, () => repeat(roots(1000), 100)),
    },
  ],
  ['500,000 calls of a short function', { body: repeat([0x10, 3], 500_000), functions: [roots(200)] }],
  ['100,000 calls of proxy_done', { imports: [['proxy_done', 0]], body: repeat([0x10, 0, DROP], 100_000) }],
  [
    '100,000 long log lines',
    {
      imports: [['proxy_log', 3]],
      body: repeat([...i32(2), ...i32(0), ...i32(131_072), 0x10, 0, DROP], 100_000),
    },
  ],
];

describe('code without a loop is interrupted', () => {
  for (const [title, module] of GUESTS) {
    it(title, async t => {
      const outcome = await attack(t, { guest: handmade(t, module), requests: 4 });
      assert.deepEqual(outcome.statuses, [503, 503, 503, 503]);
      assert.deepEqual(deaths(outcome), { interruption: 4 });
      assertReported(outcome, { code: 'GUEST_TIMEOUT', callback: 'proxy_on_request_headers', frame: 'evil' });
      assertSurvived(outcome);
    });
  }
});
