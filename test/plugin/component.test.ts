import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { puppet, ROADS } from '../component/support.ts';
import { settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { until } from '../support/wait.ts';

for (const { road, straight } of ROADS) {
  describe(`components are plugins like modules, ${road}`, () => {
    test('the whole of it: VM start, configure, streams, the end', async () => {
      const script = [
        'plugin-done property plugin_name',
        'plugin-log log bye',
        'plugin-delete log gone',
        'trace',
      ];
      const { plugin, chain, said } = await puppet(script, { straight });
      new Drive(chain).headers(true).responseHeaders(200, [], true).finish();
      assert.deepEqual(said(), ['request-headers 4 true', 'response-headers 1 true']);
      plugin.close();
      assert.deepEqual(said(), ['plugin-done property plugin_name: Some("puppet")', 'bye', 'gone']);
    });

    test('a refusal at the VM start and at configure says why, in one line', async () => {
      await assert.rejects(puppet([], { straight, vmConfig: Buffer.from('no\ngood') }), {
        code: 'PLUGIN_START_FAILED',
        message: 'proxy_on_vm_start returned false: the filter refuses its configuration (vm no good)',
      });
      await assert.rejects(puppet(['refuse your taste'], { straight }), {
        code: 'PLUGIN_CONFIGURE_FAILED',
        message: 'proxy_on_configure returned false: the filter refuses its configuration (your taste)',
      });
    });

    test('a trap ends the VM and one request; the next gets a new one', async () => {
      const { plugin, chain, log } = await puppet(['request-body trap'], { straight });
      const drive = new Drive(chain).headers();
      const other = new Drive(chain).headers();
      drive.data('x');
      await settle();
      assert.equal(drive.exchange.failure?.status, 503);
      other.responseHeaders(200);
      await settle();
      new Drive(chain).headers(true).responseHeaders(200, [], true).finish();
      assert.equal(plugin.counters.traps, 1);
      assert.equal(plugin.counters.vmsStarted, 2);
      assert.ok(log.texts.some(text => /^error proxy_on_request_body: trap: .*unreachable/.test(text)));
      plugin.close();
    });

    test('an endless loop is interrupted', async () => {
      const { plugin, chain } = await puppet(['request-headers loop'], {
        straight,
        limits: { callTime: 20 },
      });
      const drive = new Drive(chain).headers();
      assert.equal(drive.exchange.failure?.status, 503);
      assert.equal(plugin.counters.interruptions, 1);
      assert.equal(plugin.counters.limitHits.callTime, 1);
      plugin.close();
    });

    test('memory stays within its limit', async () => {
      const script = ['request-headers grow 1000000', 'request-body grow 8000000'];
      const limits = { memory: 4 * 1024 * 1024 };
      const { plugin, chain } = await puppet(script, { straight, limits });
      const drive = new Drive(chain).headers();
      assert.deepEqual(drive.take(), ['> headers']);
      drive.data('x');
      assert.equal(drive.exchange.failure?.status, 503);
      assert.ok(plugin.counters.limitHits.memory >= 1);
      plugin.close();
    });

    test('onFailure: open goes on without it', async () => {
      const { chain, plugin } = await puppet(['request-headers trap'], { straight, onFailure: 'open' });
      const drive = new Drive(chain).headers(true).responseHeaders(200, [], true).finish();
      assert.deepEqual(drive.take(), ['> headers end', '< 200 end']);
      assert.equal(plugin.counters.skipped, 1);
      plugin.close();
    });

    test('isolation: request gives each stream an instance of its own', async () => {
      const script = [
        'request-headers set-property mine 1',
        'request-headers keep 60',
        'request-headers log seen',
      ];
      const { plugin, chain, said } = await puppet(script, { straight, isolation: 'request', pool: 2 });
      await until(() => plugin.vms().length === 2, 'the pool to fill');
      // In one instance, the second stream would have more responses in the making than any guest may.
      const drives = Array.from({ length: 4 }, () => new Drive(chain).headers());
      assert.deepEqual(said().filter(text => text === 'seen').length, 4);
      for (const drive of drives) drive.finish();
      assert.equal(plugin.counters.contexts, 0);
      plugin.close();
      assert.equal(plugin.vms().length, 0);
    });

    test('local responses that are never sent are bounded', async () => {
      const { plugin, chain, log } = await puppet(['request-headers keep 65'], { straight });
      const drive = new Drive(chain).headers();
      assert.equal(drive.exchange.failure?.status, 503);
      assert.ok(log.texts.some(text => text.includes('more than 64 local responses')));
      plugin.close();
    });

    test('streams leave nothing behind', async () => {
      const { plugin, chain } = await puppet(
        ['request-headers keep 2', 'request-headers append request-headers a b'],
        {
          straight,
        },
      );
      const run = (count: number) => {
        for (let i = 0; i < count; i++)
          new Drive(chain).headers(true).responseHeaders(200, [], true).finish();
        return plugin.vms()[0]!.memorySize;
      };
      const before = run(500);
      assert.equal(run(5000), before);
      plugin.close();
    });
  });
}
