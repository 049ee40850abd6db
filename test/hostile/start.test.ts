import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { MemoryLog } from '../support/log.ts';
import { shipped } from '../support/shipped.ts';
import { weirConfig } from '../support/weir.ts';
import { refused } from './expect.ts';
import { assertReported, deaths, EVIL, ofEvil, startAttacked } from './harness.ts';
import { faultOf, GoodTraffic, send } from './load.ts';
import { parseMetrics } from './resources.ts';

const limits = { startTime: '50ms' };
const late = (callback: string) => new RegExp(`${callback}: ran longer than limits\\.startTime \\(50 ms\\)`);

describe('an endless loop at start: Weir does not start, and says why', () => {
  for (const [letter, callback] of [
    ['s', 'instantiation'],
    ['i', '_initialize'],
    ['m', 'main'],
    ['C', 'proxy_on_context_create'],
    ['v', 'proxy_on_vm_start'],
    ['f', 'proxy_on_configure'],
  ] as const) {
    refused(callback, { guest: 'loop-in', filter: { env: { WHERE: letter }, limits } }, late(callback));
  }
  it('a check of the configuration says the same', async () => {
    const module = 'test/hostile/guests/loop-in.wasm';
    const filters = { looping: { module, env: { WHERE: 'v' }, limits }, fine: shipped('security-headers') };
    const errors = await checkFilters(weirConfig({ filters }), new MemoryLog());
    assert.deepEqual(
      errors.map(error => error.code),
      ['GUEST_TIMEOUT'],
    );
    assert.match(errors[0]!.message, /filters\.looping: proxy_on_vm_start: ran longer/);
  });
  refused('_start', { guest: 'loop-command', filter: { limits } }, late('_start'));
});

describe('an endless loop when Weir ends', () => {
  for (const [letter, callback] of [
    ['D', 'proxy_on_done'],
    ['L', 'proxy_on_log'],
    ['X', 'proxy_on_delete'],
  ] as const) {
    it(callback, async t => {
      const weir = await startAttacked(t, { guest: 'loop-in', filter: { env: { WHERE: letter } } });
      assert.equal((await send(weir.port, {})).status, 200);
      const start = performance.now();
      await weir.running.close();
      assert.ok(performance.now() - start < 1500);
      assertReported(weir, { code: 'GUEST_TIMEOUT', callback, message: /limits\.callTime/, frame: 'spin' });
    });
  }
});

describe('a VM whose successor never starts', () => {
  for (const isolation of ['shared', 'request'] as const) {
    it(`is tried again with back-off, isolation: ${isolation}`, async t => {
      const moment = Date.now() + 700;
      const { port, log, running } = await startAttacked(t, {
        guest: 'loop-later',
        filter: {
          env: { AFTER: String(moment) },
          limits,
          isolation,
          pool: 1,
          restart: { firstDelay: '150ms', maxDelay: '300ms' },
        },
      });
      const first = await send(port, {});
      assert.equal(first.status, 503);
      await sleep(moment - Date.now() + 20);
      const traffic = new GoodTraffic(port);
      const end = performance.now() + 1200;
      let sent = 0;
      for (; performance.now() < end; sent++) {
        assert.equal((await send(port, {})).status, 503);
        await sleep(5);
      }
      const good = traffic.take();
      await traffic.stop();
      assert.deepEqual([...traffic.faults], []);
      assert.equal(good.failures, 0);
      const metrics = parseMetrics(await running.metrics());
      const { interruption = 0, start = 0, trap } = deaths({ metrics });
      t.diagnostic(`${sent} requests, ${interruption} tries, good p99 ${good.p99.toFixed(1)} ms`);
      assert.ok(trap! >= 1);
      // Waits are 150 and 300 ms, half of them left to chance.
      assert.ok(interruption >= 2 && interruption <= 12, `${interruption} tries`);
      assert.equal(start, interruption);
      assert.ok(ofEvil({ metrics }, 'refused_total') > 0);
      assertReported(
        { log },
        {
          code: 'GUEST_TIMEOUT',
          callback: 'proxy_on_vm_start',
          message: late('proxy_on_vm_start'),
          frame: 'spin',
        },
      );
      assert.equal(faultOf('/good', await send(port, { path: '/good' })), undefined);
      assert.equal(
        metrics.get(`weir_filter_limit_hits_total{filter="${EVIL}",limit="startTime"}`),
        interruption,
      );
    });
  }
});
