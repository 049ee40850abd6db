import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTCALLS } from '../../src/abi/hostcalls/index.ts';
import { UNIMPLEMENTED } from '../../src/abi/hostcalls/unimplemented.ts';
import { importStatus } from '../../src/abi/link.ts';
import { VERSIONS } from '../support/guest.ts';
import { during } from '../support/guest-during.ts';
import { HOSTCALL_TYPES } from '../support/guest-wat.ts';

const EXTRA = ['emscripten_notify_memory_growth', 'pthread_equal'];
const names = Object.values(UNIMPLEMENTED).flat();

for (const abi of VERSIONS) {
  test(`every hostcall of the specification exists, and none else (${abi})`, () => {
    assert.deepEqual(
      Object.keys(HOSTCALLS[abi]).sort(),
      [...Object.keys(HOSTCALL_TYPES[abi]), ...EXTRA].sort(),
    );
  });

  test(`what is not implemented answers so, whatever its arguments, and writes nothing (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        const before = Buffer.from(p.memory);
        for (const name of names) {
          const letters = HOSTCALL_TYPES[abi][name]!;
          for (const value of [0, 16, -1]) {
            const args = [...letters].map(letter => (letter === 'l' ? BigInt(value) : value));
            assert.equal(p.call(name, ...args), 12, name);
          }
        }
        assert.ok(before.equals(p.memory));
      },
      { abi },
    );
  });
}

test('importStatus tells the three kinds apart', () => {
  assert.equal(importStatus('proxy_log', true), 'implemented');
  assert.equal(importStatus('proxy_http_call', true), 'unimplemented');
  assert.equal(importStatus('proxy_http_call', false), 'unknown');
});
