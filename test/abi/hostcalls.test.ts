import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTCALLS } from '../../src/abi/hostcalls/index.ts';
import { VERSIONS } from '../support/guest.ts';
import { HOSTCALL_TYPES } from '../support/guest-wat.ts';

const EXTRA = ['emscripten_notify_memory_growth', 'pthread_equal'];

for (const abi of VERSIONS) {
  test(`every hostcall of the specification exists, and none else (${abi})`, () => {
    assert.deepEqual(
      Object.keys(HOSTCALLS[abi]).sort(),
      [...Object.keys(HOSTCALL_TYPES[abi]), ...EXTRA].sort(),
    );
  });
}
