import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallbackName, rig, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';

const options = { config: Buffer.from('{"plugin":true}'), vmConfig: Buffer.from('vm \xff', 'latin1') };

for (const abi of VERSIONS) {
  test(`configurations are buffers in their own callback only (${abi})`, async () => {
    const seen: Partial<Record<CallbackName, unknown>> = {};
    const r = await rig({}, { abi });
    for (const name of [
      'proxy_on_context_create',
      'proxy_on_vm_start',
      'proxy_on_configure',
      'proxy_on_request_headers',
      'proxy_on_log',
    ] as const) {
      r.script[name] = (p, _id, size) => {
        seen[name] = [
          p.body(6),
          p.body(7),
          ...(name.endsWith('start') || name.endsWith('configure') ? [size] : []),
        ];
      };
    }
    new Drive(r.chain(r.start(options))).headers(true).finish();
    assert.deepEqual(seen, {
      proxy_on_context_create: [1, 1],
      proxy_on_vm_start: ['vm \xff', 1, 4],
      proxy_on_configure: [1, '{"plugin":true}', 15],
      proxy_on_request_headers: [1, 1],
      proxy_on_log: [1, 1],
    });
  });
}

test('an empty configuration is there, and empty', async () => {
  const seen: unknown[] = [];
  const r = await rig({
    proxy_on_vm_start: (p, _id, size) => {
      seen.push(size, p.body(6), p.call('proxy_get_buffer_status', 6, 16, 20), p.u32(16));
    },
    proxy_on_configure: (p, _id, size) => {
      seen.push(size, p.body(7));
    },
  });
  r.start();
  assert.deepEqual(seen, [0, '', 0, 0, 0, '']);
});

test('0.1.0: proxy_get_configuration gives what the callback is about, else nothing', async () => {
  const seen: Partial<Record<CallbackName, unknown>> = {};
  const r = await rig({}, { abi: '0.1.0' });
  for (const name of [
    'proxy_on_context_create',
    'proxy_on_vm_start',
    'proxy_on_configure',
    'proxy_on_request_headers',
    'proxy_on_log',
  ] as const) {
    r.script[name] = p => {
      const { status, bytes } = p.fetch('proxy_get_configuration');
      seen[name] = [status, bytes.toString('latin1')];
    };
  }
  new Drive(r.chain(r.start(options))).headers(true).finish();
  assert.deepEqual(seen, {
    proxy_on_context_create: [0, ''],
    proxy_on_vm_start: [0, 'vm \xff'],
    proxy_on_configure: [0, '{"plugin":true}'],
    proxy_on_request_headers: [0, ''],
    proxy_on_log: [0, ''],
  });
});

test('0.1.0: proxy_get_configuration checks memory and allocator', async () => {
  await during(
    'proxy_on_configure',
    p => {
      assertPointersChecked(p, 'proxy_get_configuration', [16, 20], { out: [0, 1] });
      assertAllocatorChecked(p, 'proxy_get_configuration', [16, 20], options.config);
    },
    { abi: '0.1.0', options },
  );
});
