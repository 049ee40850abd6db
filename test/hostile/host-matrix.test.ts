import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { GUESTS } from './build.ts';
import { importsOf, MATRICES, matrixText, ROUNDS } from './host-matrix.ts';
import { type EvilFilter, eachOf, startSwarm } from './host-support.ts';

/** Several environment variables, so that environ_get has something to write. */
const env = { NAME: 'value', LONGER_NAME: 'a value that is longer', EMPTY: '' };
const MESSAGE = { body: ['one,', 'two,', 'three'], trailers: { 'x-last': 'yes' } };
const REQUESTS = 120;

for (const [guest, [abi, wasi]] of Object.entries(MATRICES)) {
  test(`${abi}, ${wasi}: every hostcall with every pointer and size, in every callback`, async t => {
    const text = readFileSync(join(GUESTS, `${guest}.wat`), 'utf8');
    assert.equal(text, matrixText(abi, wasi), 'make it: node_modules/.bin/node test/hostile/host-matrix.ts');
    const common: EvilFilter = {
      env,
      config: 'a configuration',
      limits: { callTime: '1s', pauseTime: '200ms' },
    };
    const swarm = await startSwarm(t, guest, {
      shared: common,
      open: { ...common, onFailure: 'open' },
      large: { ...common, limits: { ...common.limits, logLines: 100_000 } },
    });
    const sends = Array.from({ length: REQUESTS }, (_, i) => i);
    await eachOf(sends, 3, async i => {
      const name = ['shared', 'open', 'large'][i % 3]!;
      // What it is answered depends on what it called; that it is answered doesn't.
      await swarm.send(name, i % 4 === 0 ? {} : MESSAGE);
    });
    const metrics = await swarm.survived();
    for (const name of ['shared', 'open', 'large']) {
      assert.deepEqual(metrics.deaths(name), {}, name);
      assert.equal(metrics.of(name, 'vms_started_total'), 1);
    }
    // Every hostcall had its turns, with other arguments and in other callbacks each time.
    const calls = Math.max(
      ...swarm.logged('large').map(line => Number(/^calls=00(\d{8})$/.exec(line)?.[1] ?? 0)),
    );
    const sweeps = calls / (ROUNDS * importsOf(abi, wasi).length);
    t.diagnostic(`${calls} calls, ${sweeps.toFixed(1)} times through all hostcalls`);
    assert.ok(sweeps > 2, `${calls} calls`);
  });
}
