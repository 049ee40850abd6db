import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';

for (const abi of VERSIONS) {
  test(`proxy_get_current_time_nanoseconds writes 8 bytes of time since the epoch (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        p.poison(15, 10);
        assert.equal(p.call('proxy_get_current_time_nanoseconds', 16), 0);
        const milliseconds = Number(p.u64(16) / 1_000_000n);
        // The process's clock may have been stepped since it started: a coarse comparison.
        assert.ok(Math.abs(milliseconds - Date.now()) < 60_000, String(milliseconds));
        assert.deepEqual([p.memory[15], p.memory[24]], [0xaa, 0xaa]);
        assert.equal(p.call('proxy_get_current_time_nanoseconds', 33), 0, 'any alignment');
        assert.equal(p.call('proxy_get_current_time_nanoseconds', p.size - 8), 0);
        assertPointersChecked(p, 'proxy_get_current_time_nanoseconds', [16], { out: [0], width: 8 });
      },
      { abi },
    );
  });
}

test('time does not go back', async () => {
  await during('proxy_on_request_headers', p => {
    let last = 0n;
    for (let i = 0; i < 1000; i++) {
      p.call('proxy_get_current_time_nanoseconds', 16);
      assert.ok(p.u64(16) >= last);
      last = p.u64(16);
    }
  });
});
