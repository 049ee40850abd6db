import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { MemoryLog } from '../support/log.ts';
import { weirConfig } from '../support/weir.ts';
import { eachOf, startSwarm } from './host-support.ts';

interface Expected {
  readonly what: string;
  readonly death?: 'trap' | 'exit' | 'interruption';
  /** More than one end is right: it depends on where the stack was full. */
  readonly open?: boolean;
}

/** By the letter of host-catch.wat. */
const KINDS: Readonly<Record<string, Expected>> = {
  u: { what: 'throws, nobody catches', death: 'trap' },
  c: { what: 'catches its own' },
  a: { what: 'its allocator throws through a hostcall, it catches and goes on', death: 'trap' },
  A: { what: 'its allocator throws through a hostcall, it catches and returns', death: 'trap' },
  x: { what: 'catches proc_exit and goes on', death: 'exit' },
  y: { what: 'catches proc_exit and all that follows', death: 'exit' },
  k: { what: 'catches proc_raise and all that follows', death: 'exit' },
  w: { what: 'throws proc_exit on', death: 'exit' },
  l: { what: 'catches proc_exit and never returns', death: 'exit' },
  L: { what: 'tries to catch its interruption', death: 'interruption' },
  t: { what: 'tries to catch a trap', death: 'trap' },
  d: { what: 'catches a full stack', open: true },
  D: { what: 'catches a full stack, with a hostcall at every depth', open: true },
  r: { what: 'fills the stack through its allocator and catches that', open: true },
};
const kinds = Object.keys(KINDS);
const nameOf = (kind: string, callback = '') => `k${kind.codePointAt(0)}${callback}`;

for (const onFailure of ['reload', 'closed', 'open'] as const) {
  test(`a guest that catches what ends it, onFailure: ${onFailure}`, async t => {
    const swarm = await startSwarm(
      t,
      'host-catch',
      Object.fromEntries(
        kinds.map(kind => [nameOf(kind), { env: { K: kind }, onFailure, limits: { memory: '1MiB' } }]),
      ),
    );
    await eachOf(kinds, 4, async kind => {
      const { what, death, open = false } = KINDS[kind]!;
      for (let i = 0; i < 3; i++) {
        const { status, body } = await swarm.send(nameOf(kind), { body: ['one,', 'two'] });
        if (open) assert.ok([200, 418, 503].includes(Number(status)), `${what}: ${status}`);
        else assert.equal(status, death !== undefined && onFailure !== 'open' ? 503 : 200, what);
        if (status === 200) assert.equal(body, 'one,two', what);
      }
      // What it did after its end had no effect.
      const log = swarm.logged(nameOf(kind));
      if (death !== undefined) assert.ok(!log.includes('still here'), `${what}: ${log.join()}`);
    });
    const metrics = await swarm.survived();
    for (const kind of kinds) {
      const { what, death, open = false } = KINDS[kind]!;
      const found = metrics.deaths(nameOf(kind));
      if (!open) assert.deepEqual(Object.keys(found), death === undefined ? [] : [death], what);
      else
        assert.ok(
          Object.keys(found).every(k => k === 'trap' || k === 'interruption'),
          what,
        );
    }
  });
}

test('a guest that catches what ends it in response headers, done, log and delete', async t => {
  const cases = [...'gjkl'].flatMap(callback => kinds.map(kind => [kind, callback] as const));
  const swarm = await startSwarm(
    t,
    'host-catch',
    Object.fromEntries(
      cases.map(([kind, callback]) => [
        nameOf(kind, callback),
        { env: { K: kind + callback }, limits: { memory: '1MiB' } },
      ]),
    ),
  );
  await eachOf(cases, 6, async ([kind, callback]) => {
    const { what, death, open = false } = KINDS[kind]!;
    for (let i = 0; i < 2; i++) {
      const { status } = await swarm.send(nameOf(kind, callback));
      if (callback !== 'g') assert.equal(status, 200, `${what} in ${callback}`);
      else if (open) assert.ok([200, 418, 503].includes(Number(status)), `${what}: ${status}`);
      else assert.equal(status, death === undefined ? 200 : 503, what);
    }
  });
  const metrics = await swarm.survived();
  for (const [kind, callback] of cases) {
    const { what, death, open = false } = KINDS[kind]!;
    const found = Object.keys(metrics.deaths(nameOf(kind, callback)));
    if (!open) assert.deepEqual(found, death === undefined ? [] : [death], `${what} in ${callback}`);
  }
});

test('a guest that catches what is not allowed at its start does not start', async () => {
  const module = 'test/hostile/guests/host-catch.wasm';
  const filters = {
    hostcall: { module, env: { K: 'i' } },
    exit: { module, env: { K: 'I' } },
  };
  const errors = await checkFilters(weirConfig({ filters, routes: [{ upstream: 'app' }] }), new MemoryLog());
  assert.equal(errors.length, 2);
  assert.ok(
    errors.every(e => e.code === 'GUEST_TRAP' || e.code === 'GUEST_EXIT'),
    errors.join('\n'),
  );
});

/** The digit of no hostcall. */
const NONE = 9;

test('hostcalls with the stack nearly full: what they promise is kept, whether they fail or not', async t => {
  const swarm = await startSwarm(t, 'host-catch', {
    dive: { env: { K: 'Q' }, limits: { pauseTime: '300ms', callTime: '500ms', memory: '1MiB' } },
  });
  const send = async (op: number, depth: number) => {
    const { status } = await swarm.send('dive', { path: `/${op}${String(depth).padStart(5, '0')}` });
    // Until a new VM may be made.
    if (status === 503) await sleep(3);
    return status;
  };
  /** The least depth at which there is too little room: it changes once, when V8 compiles the guest anew. */
  const limit = async (op: number) => {
    let fine = 100;
    let deadly = 99_999;
    while (deadly - fine > 1) {
      const middle = (fine + deadly) >> 1;
      if ((await send(op, middle)) === 503) deadly = middle;
      else fine = middle;
    }
    return deadly;
  };
  await limit(NONE);
  const most = await limit(NONE);
  const seen = new Set<number | 'reset'>();
  for (const op of [0, 1, 2, 3, 4, 5]) {
    for (let depth = (await limit(op)) - 16; depth < most + 4; depth += 6) {
      const status = await send(op, depth);
      seen.add(status);
      // It goes on, was answered, or its VM died of the full stack; but nobody forgot it.
      assert.ok(status === 200 || status === 418 || status === 503, `op ${op} at ${depth}: ${status}`);
    }
  }
  assert.deepEqual([...seen].sort(), [200, 418, 503]);
  await swarm.survived();
});
