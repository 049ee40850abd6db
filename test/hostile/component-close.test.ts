import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ROADS, startAll } from './component-harness.ts';
import { type Place, script } from './component-script.ts';
import { send } from './load.ts';

/** ms that a Weir may take to stop: a loop has 10, and the machine may be slow. */
const CLOSE_MS = 3000;

const PLACES: readonly (readonly [Place, string])[] = [
  ['pluginDone', 'proxy_on_done'],
  ['pluginLog', 'proxy_on_log'],
  ['pluginDtor', 'proxy_on_delete'],
];

for (const { road, suffix } of ROADS) {
  describe(`the end of a component's plugin context, ${road}`, () => {
    for (const [place, callback] of PLACES) {
      for (const [step, code] of [
        ['trap', 'GUEST_TRAP'],
        ['loop', 'GUEST_TIMEOUT'],
        ['recurse', 'GUEST_TRAP'],
      ] as const) {
        it(`${step} in ${place}: Weir stops all the same, and says so`, async t => {
          const { port, log, running } = await startAll(
            t,
            [{ filter: { config: script(place, [step]) } }],
            suffix,
          );
          assert.equal((await send(port, { path: '/evil-0/' })).status, 200);
          const start = performance.now();
          await running.close();
          assert.ok(performance.now() - start < CLOSE_MS);
          assert.deepEqual(
            log.at('error').map(({ fields }) => [fields['filter'], fields['code'], fields['callback']]),
            [['evil-0', code, callback]],
          );
        });
      }
    }
  });
}
