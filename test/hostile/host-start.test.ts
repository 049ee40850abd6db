import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { MemoryLog } from '../support/log.ts';
import { weirConfig } from '../support/weir.ts';
import { type EvilFilter, eachOf, startSwarm } from './host-support.ts';

const MODULE = 'test/hostile/guests/host-script.wasm';
/** Start section, _initialize, the root's context_create, vm_start, configure. */
const LETTERS = ['S', 'I', 'A', 'b', 'c'] as const;
const WAYS = [...'uzoiIstxXkl'];
const FORBIDDEN = ['r', 'c', 'a', 'd', 'h0', 'g0', 'w0', 'y7', 'p', 'P'];

const evil = (program: string, rest: EvilFilter = {}): EvilFilter => ({
  env: { P: program },
  limits: { startTime: '30ms', memory: '1MiB' },
  ...rest,
});

test('every death at the start refuses the filter: one error each, and nothing hangs', async () => {
  const cases = LETTERS.flatMap(letter => WAYS.map(way => `${letter}!${way}`));
  const filters = Object.fromEntries(
    cases.map((program, i) => [`f${i}`, { ...evil(program, { vmId: `f${i}` }), module: MODULE }]),
  );
  const errors = await checkFilters(weirConfig({ filters, routes: [{ upstream: 'app' }] }), new MemoryLog());
  assert.equal(errors.length, cases.length);
  for (const [i, program] of cases.entries()) {
    const error = errors.find(e => e.message.includes(`filters.f${i}: `));
    assert.ok(error !== undefined, program);
    const code = program.endsWith('l')
      ? 'GUEST_TIMEOUT'
      : /[xXk]$/.test(program)
        ? 'GUEST_EXIT'
        : 'GUEST_TRAP';
    assert.equal(error.code, code, `${program}: ${error.message}`);
    assert.ok(!error.message.includes('\n'), error.message);
  }
});

test('hostcalls in a start section and in _initialize refuse the filter, and are no fault of ours', async t => {
  const cases = ['S', 'I'].flatMap(letter =>
    FORBIDDEN.map(op => [`${letter}${op}`, `${letter}${op}`] as const),
  );
  const swarm = await startSwarm(
    t,
    'host-script',
    Object.fromEntries(cases.map(([name, program]) => [name, evil(program, { preload: false })])),
  );
  for (const [name] of cases) assert.equal((await swarm.send(name)).status, 503, name);
  const metrics = await swarm.survived();
  for (const [name] of cases) assert.ok((metrics.deaths(name)['start'] ?? 0) > 0, name);
});

test('a set_effective_context at the start finds nobody; WASI and the log are there', async t => {
  const swarm = await startSwarm(t, 'host-script', {
    start: evil('SEZ;IEZ'),
  });
  assert.deepEqual(swarm.logged('start'), ['S:E =2', 'S:Z =2', 'I:E =2', 'I:Z =2']);
  assert.equal((await swarm.send('start')).status, 200);
  await swarm.survived();
});

test('a filter that dies at the start when a request wants it: the policy, and no storm', async t => {
  const policies = ['reload', 'closed', 'open'] as const;
  const cases = LETTERS.flatMap(letter =>
    ['u', 'x', 'l', 's'].flatMap(way => policies.map(policy => [letter, way, policy] as const)),
  );
  const nameOf = (c: (typeof cases)[number]) => c.join('');
  const swarm = await startSwarm(
    t,
    'host-script',
    Object.fromEntries(
      cases.map(c => [
        nameOf(c),
        evil(`${c[0]}!${c[1]}`, {
          preload: false,
          onFailure: c[2],
          restart: { firstDelay: '10m', maxDelay: '10m' },
        }),
      ]),
    ),
  );
  await eachOf(cases, 6, async c => {
    for (let i = 0; i < 4; i++) {
      const { status, body } = await swarm.send(nameOf(c), { body: ['one,', 'two'] });
      assert.equal(status, c[2] === 'open' ? 200 : 503, nameOf(c));
      if (status === 200) assert.equal(body, 'one,two');
    }
  });
  const metrics = await swarm.survived();
  for (const c of cases) {
    const started = metrics.of(nameOf(c), 'vms_started_total');
    assert.ok(started <= 2, `${nameOf(c)}: ${started} VMs for 4 requests`);
    assert.ok((metrics.deaths(nameOf(c))['start'] ?? 0) >= 1, nameOf(c));
  }
});
