import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { MemoryLog } from '../support/log.ts';
import { weirConfig } from '../support/weir.ts';
import type { Sent } from './host-client.ts';
import { type EvilFilter, eachOf, startSwarm } from './host-support.ts';

const MESSAGE: Sent = { body: ['one,', 'two'] };
const REFUSED = 6;

interface Expected {
  readonly what: string;
  readonly status?: number | 'reset';
  /** Of the hostcalls that return something, in request headers. */
  readonly result?: number;
  readonly death?: 'trap' | 'exit' | 'interruption';
  readonly body?: string;
  readonly limits?: EvilFilter['limits'];
}

/** By the letter of host-alloc.wat. */
const ALLOCATORS: Readonly<Record<string, Expected>> = {
  '0': { what: 'returns 0', result: REFUSED },
  o: { what: 'returns a pointer far outside', result: REFUSED },
  e: { what: 'returns a range whose last byte is outside', result: REFUSED },
  m: { what: 'returns pointers that are not aligned' },
  f: { what: 'returns a range that ends with the memory' },
  s: { what: 'returns the same pointer for ever' },
  r: { what: 'returns where the results are returned' },
  q: { what: 'returns a pointer between the two results' },
  k: { what: 'returns a pointer onto the name that was asked for' },
  g: { what: 'grows the memory each time' },
  G: { what: 'grows the memory until it is full' },
  p: { what: 'reads the map that it is called for' },
  P: { what: 'reads the map without end', death: 'trap' },
  S: { what: 'calls itself without end', death: 'trap' },
  h: { what: 'empties the map that is being read' },
  w: { what: 'empties the body that is being read', body: '' },
  W: { what: 'makes the body longer that is being read', body: 'teapotone,teapottwo' },
  l: { what: 'answers', status: 418, body: 'teapot' },
  c: { what: 'closes', status: 'reset' },
  x: { what: 'goes to the root context', result: 0 },
  d: { what: 'says that it is done' },
  t: { what: 'traps', death: 'trap' },
  X: { what: 'exits', death: 'exit' },
  T: { what: 'throws', death: 'trap' },
  L: { what: 'never returns', death: 'interruption' },
};

const letters = Object.keys(ALLOCATORS);
const nameOf = (letter: string, policy = '') => `${letter.codePointAt(0)}${policy}`;

for (const onFailure of ['reload', 'open'] as const) {
  test(`an allocator that misbehaves while hostcalls return values, onFailure: ${onFailure}`, async t => {
    const swarm = await startSwarm(
      t,
      'host-alloc',
      Object.fromEntries(
        letters.map(letter => [
          nameOf(letter),
          { env: { K: letter }, config: 'a configuration', onFailure, limits: { memory: '2MiB' } },
        ]),
      ),
    );
    await eachOf(letters, 4, async letter => {
      const name = nameOf(letter);
      const { what, status = 200, result = 0, death, body = 'one,two' } = ALLOCATORS[letter]!;
      for (let i = 0; i < 3; i++) {
        const from = swarm.logged(name).length;
        const got = await swarm.send(name, MESSAGE);
        if (death !== undefined) {
          // Where its own frames were full, or ours: only the first leaves our state known.
          const skipped = onFailure === 'open' && got.status === 200 && got.body === 'one,two';
          assert.ok(
            skipped || (got.status === 503 && (onFailure !== 'open' || 'P'.includes(letter))),
            `${what}: ${got.status}`,
          );
          continue;
        }
        assert.equal(got.status, status, what);
        if (status !== 'reset') assert.equal(got.body, body, what);
        const log = swarm
          .logged(name)
          .slice(from)
          .filter(line => line.length === 3);
        // What it asked for lies on what tells it where: its own loss.
        const overwrites = letter === 'r' || letter === 'q';
        const first = log.find(line => line.startsWith('g'));
        assert.equal(
          first?.slice(0, 3),
          overwrites ? first?.slice(0, 3) : `g${result}+`,
          `${what}: ${log.join()}`,
        );
        assert.ok(
          log.every(line => /^[gvpb][0126]\+$/.test(line) || (overwrites && /^[gvpb]0-$/.test(line))),
          `${what}: ${log.join()}`,
        );
      }
    });
    const metrics = await swarm.survived();
    for (const letter of letters) {
      const { what, death } = ALLOCATORS[letter]!;
      const kinds = Object.keys(metrics.deaths(nameOf(letter)));
      assert.deepEqual(kinds, death === undefined ? [] : [death], what);
    }
  });
}

test('an allocator that misbehaves from the start on: it starts or is refused, and nothing hangs', async () => {
  const filters = Object.fromEntries(
    letters.map(letter => [
      `f${nameOf(letter)}`,
      {
        module: 'test/hostile/guests/host-alloc.wasm',
        vmId: letter,
        env: { K: `A${letter}` },
        config: 'a configuration',
        limits: { startTime: '50ms', memory: '2MiB' },
      } satisfies EvilFilter & { module: string },
    ]),
  );
  const errors = await checkFilters(weirConfig({ filters, routes: [{ upstream: 'app' }] }), new MemoryLog());
  for (const letter of letters) {
    const { what, death } = ALLOCATORS[letter]!;
    const error = errors.find(e => e.message.includes(`filters.f${nameOf(letter)}: `));
    // At the start there is no map to read.
    const dies = death !== undefined && letter !== 'P';
    assert.equal(error !== undefined, dies, `${what}: ${error?.message}`);
  }
});
