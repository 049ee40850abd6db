import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WASI_PREVIEW1 } from '../../src/wasi/index.ts';
import { rig } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { WASI_TYPES } from '../support/guest-wat.ts';

test('every function of preview 1 exists, and no other', () => {
  assert.deepEqual(Object.keys(WASI_PREVIEW1).sort(), Object.keys(WASI_TYPES).sort());
});

for (const wasi of ['wasi_snapshot_preview1', 'wasi_unstable'] as const) {
  test(`${wasi} is provided`, async () => {
    const r = await rig({}, { wasi });
    r.start();
    assert.equal(r.puppet.call('sched_yield'), 0);
  });
}

test('the clocks are realtime and monotonic, in nanoseconds', async () => {
  await during('proxy_on_request_headers', p => {
    p.poison(15, 10);
    assert.equal(p.call('clock_time_get', 0, 0n, 16), 0);
    assert.ok(Math.abs(Number(p.u64(16) / 1_000_000n) - Date.now()) < 60_000);
    assert.deepEqual([p.memory[15], p.memory[24]], [0xaa, 0xaa]);
    let last = 0n;
    for (let i = 0; i < 100; i++) {
      assert.equal(p.call('clock_time_get', 1, 0xffffffffffffffffn, 16), 0);
      assert.ok(p.u64(16) >= last);
      last = p.u64(16);
    }
    for (const id of [0, 1]) {
      assert.equal(p.call('clock_res_get', id, 16), 0);
      assert.ok(p.u64(16) >= 1n && p.u64(16) <= 1_000_000n);
    }
    for (const id of [2, 3, 4, -1, 0x7fffffff]) {
      assert.equal(p.call('clock_time_get', id, 0n, 16), 58);
      assert.equal(p.call('clock_res_get', id, 16), 58);
    }
    assertPointersChecked(p, 'clock_res_get', [0, 16], { out: [1], expected: 21, width: 8 });
    for (const bad of [p.size - 7, p.size, 0xffffffff, 0x80000000])
      assert.equal(p.call('clock_time_get', 0, 0n, bad), 21);
  });
});

test('random bytes fill exactly what was asked for, up to 64 KiB', async () => {
  await during('proxy_on_request_headers', p => {
    p.memory.fill(0xaa, 0, p.size);
    assert.equal(p.call('random_get', 1000, 64), 0);
    assert.notEqual(p.bytes(1000, 64).toString('hex'), 'aa'.repeat(64));
    assert.equal(p.bytes(992, 8).toString('hex') + p.bytes(1064, 8).toString('hex'), 'aa'.repeat(16));
    assert.equal(p.call('random_get', 0, 65536), 0);
    assert.equal(p.call('random_get', p.size - 65536, 65536), 0);
    assert.equal(p.call('random_get', 0, 0), 0);
    assert.equal(p.call('random_get', p.size, 0), 0);
    for (const size of [65537, 0x7fffffff, 0xffffffff, 0x80000000])
      assert.equal(p.call('random_get', 0, size), 28, String(size));
    for (const bad of [p.size - 7, p.size, 0xfffffff8, 0xffffffff, 0x80000000])
      assert.equal(p.call('random_get', bad, 8), 21, String(bad));
  });
});

test('poll_oneoff: everything is ready at once', async () => {
  await during('proxy_on_request_headers', p => {
    p.memory.fill(0x11, 1000, 1000 + 96);
    p.memory[1008] = 0; // clock
    p.memory[1048 + 8] = 2; // fd_write
    p.poison(2000, 70);
    assert.equal(p.call('poll_oneoff', 1000, 2000, 2, 16), 0);
    assert.equal(p.u32(16), 2);
    const event = (tag: string) => `${'11'.repeat(8)}0000${tag}${'00'.repeat(21)}`;
    assert.equal(p.bytes(2000, 70).toString('hex'), `${event('00')}${event('02')}${'aa'.repeat(6)}`);
  });
});

test('poll_oneoff: no subscription is INVAL, bad memory FAULT', async () => {
  await during('proxy_on_request_headers', p => {
    assert.equal(p.call('poll_oneoff', 1000, 2000, 0, 16), 28);
    for (const count of [0xffffffff, 0x80000000, 0x05555556, 5000])
      assert.equal(p.call('poll_oneoff', 1000, 2000, count, 16), 21, String(count));
    assertPointersChecked(p, 'poll_oneoff', [1000, 2000, 1, 16], { out: [0], expected: 21, width: 48 });
    assertPointersChecked(p, 'poll_oneoff', [1000, 2000, 1, 16], { out: [1], expected: 21, width: 32 });
    assertPointersChecked(p, 'poll_oneoff', [1000, 2000, 1, 16], { out: [3], expected: 21 });
  });
});

test('poll_oneoff: events over their own subscriptions do no harm', async () => {
  await during('proxy_on_request_headers', p => {
    assert.equal(p.call('poll_oneoff', 1000, 1000, 3, 1000), 0);
    assert.equal(p.call('poll_oneoff', p.size - 48, p.size - 40, 1, p.size - 4), 0);
  });
});

test('there are no arguments', async () => {
  await during('proxy_on_request_headers', p => {
    p.poison(16, 8);
    assert.equal(p.call('args_sizes_get', 16, 20), 0);
    assert.deepEqual([p.u32(16), p.u32(20)], [0, 0]);
    assert.equal(p.call('args_get', 0, 0), 0);
    assertPointersChecked(p, 'args_sizes_get', [16, 20], { out: [0, 1], expected: 21 });
  });
});

test('the environment is what the configuration says, and nothing of ours', async () => {
  await during(
    'proxy_on_vm_start',
    p => {
      p.poison(16, 8);
      assert.equal(p.call('environ_sizes_get', 16, 20), 0);
      const expected = Buffer.from('TOKEN=abc\0EMPTY=\0Ž=é\0');
      assert.deepEqual([p.u32(16), p.u32(20)], [3, expected.length]);
      p.poison(100, 16);
      p.poison(200, 64);
      assert.equal(p.call('environ_get', 100, 200), 0);
      assert.deepEqual([p.u32(100), p.u32(104), p.u32(108), p.u32(112)], [200, 210, 217, 0xaaaaaaaa]);
      assert.deepEqual(p.bytes(200, expected.length), expected);
      assert.equal(p.memory[200 + expected.length], 0xaa);
      assertPointersChecked(p, 'environ_sizes_get', [16, 20], { out: [0, 1], expected: 21 });
      assertPointersChecked(p, 'environ_get', [100, 200], { out: [0], expected: 21, width: 12 });
      assertPointersChecked(p, 'environ_get', [100, 200], { out: [1], expected: 21, width: expected.length });
    },
    { options: { env: { TOKEN: 'abc', EMPTY: '', Ž: 'é' } } },
  );
});

test('without an environment there is an empty one', async () => {
  await during('proxy_on_vm_start', p => {
    assert.equal(p.call('environ_sizes_get', 16, 20), 0);
    assert.deepEqual([p.u32(16), p.u32(20)], [0, 0]);
    assert.equal(p.call('environ_get', 100, 200), 0);
  });
});
