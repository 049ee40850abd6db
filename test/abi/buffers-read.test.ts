import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallbackName, type Puppet, rig, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';

const get = (p: Puppet, type: number, start: number, size: number) => {
  const { status, bytes, ptr } = p.fetch('proxy_get_buffer_bytes', type, start, size);
  return { status, text: bytes.toString(), ptr };
};

for (const abi of VERSIONS) {
  test(`bodies are read in their callback (${abi})`, async () => {
    await during('proxy_on_request_body', p => assert.equal(p.body(0), 'request body') as undefined, { abi });
    await during('proxy_on_response_body', p => assert.equal(p.body(1), 'response body') as undefined, {
      abi,
    });
  });
}

test('a read is clamped to the buffer and never past u32', async () => {
  await during('proxy_on_request_body', p => {
    const cases: [start: number, size: number, status: number, text: string][] = [
      [0, 7, 0, 'request'],
      [8, 4, 0, 'body'],
      [8, 100, 0, 'body'],
      [0, 0xffffffff, 0, 'request body'],
      [11, 1, 0, 'y'],
      [1, 0xfffffffe, 0, 'equest body'],
      [1, 0xffffffff, 2, ''],
      [0xffffffff, 1, 2, ''],
      [0xffffffff, 0xffffffff, 2, ''],
      [0x80000000, 0x80000000, 2, ''],
    ];
    for (const [start, size, status, text] of cases) {
      const got = get(p, 0, start, size);
      assert.deepEqual([got.status, got.text], [status, text], `${start} ${size}`);
    }
  });
});

test('a read of nothing, or from the end on, is OK with null and 0 and no allocation', async () => {
  await during('proxy_on_request_body', p => {
    for (const [start, size] of [
      [0, 0],
      [5, 0],
      [12, 10],
      [13, 1],
      [0xfffffffe, 1],
      [0xffffffff, 0],
    ] as const) {
      const allocated = p.allocations.length;
      assert.deepEqual(get(p, 0, start, size), { status: 0, text: '', ptr: 0 }, `${start} ${size}`);
      assert.deepEqual([p.u32(16), p.u32(20)], [0, 0]);
      assert.equal(p.allocations.length, allocated);
    }
  });
});

test('a refused read writes nothing', async () => {
  await during('proxy_on_request_body', p => {
    assert.equal(get(p, 0, 1, 0xffffffff).status, 2);
    assert.equal(p.bytes(16, 8).toString('hex'), 'aa'.repeat(8));
  });
});

test('a body of several chunks comes in one piece', async () => {
  const seen: unknown[] = [];
  const r = await rig({
    proxy_on_request_body: (p, _id, size, end) => {
      seen.push([size, end, p.body(0), get(p, 0, 1, 4).text]);
      return end === 0 ? 1 : 0;
    },
  });
  new Drive(r.chain()).headers().data('abc').data('def').data('ghi', true).finish();
  assert.deepEqual(seen, [
    [3, 0, 'abc', 'bc'],
    [6, 0, 'abcdef', 'bcde'],
    [9, 1, 'abcdefghi', 'bcde'],
  ]);
});

test('proxy_get_buffer_status tells the size and writes 0 where nothing is used', async () => {
  await during('proxy_on_response_body', p => {
    p.poison(12, 16);
    assert.equal(p.call('proxy_get_buffer_status', 1, 16, 20), 0);
    assert.equal(p.bytes(12, 16).toString('hex'), 'aaaaaaaa0d00000000000000aaaaaaaa');
    assertPointersChecked(p, 'proxy_get_buffer_status', [1, 16, 20], { out: [1, 2] });
  });
});

test('results are checked before anything is read, and the allocator is not trusted', async () => {
  await during('proxy_on_request_body', p => {
    const args = [0, 2, 5, 16, 20];
    assertPointersChecked(p, 'proxy_get_buffer_bytes', args, { out: [3, 4] });
    assertPointersChecked(p, 'proxy_get_buffer_bytes', [0, 0, 0, 16, 20], { out: [3, 4] });
    assertAllocatorChecked(p, 'proxy_get_buffer_bytes', args, Buffer.from('quest'));
  });
});

test('a body that shrinks inside the allocator does no harm', async () => {
  await during('proxy_on_request_body', p => {
    const value = p.put('');
    p.onAllocate = () => p.call('proxy_set_buffer_bytes', 0, 0, 0xffffffff, ...value);
    assert.equal(p.call('proxy_get_buffer_bytes', 0, 0, 100, 16, 20), 0);
    assert.equal(p.u32(20), 12);
  });
});

test('unknown buffers are BAD_ARGUMENT, known ones that are not there NOT_FOUND', async () => {
  await during('proxy_on_request_headers', p => {
    for (const type of [9, 10, -1, 0x7fffffff, -0x80000000]) {
      assert.equal(get(p, type, 0, 1).status, 2, String(type));
      assert.equal(p.call('proxy_get_buffer_status', type, 16, 20), 2);
    }
    for (let type = 0; type <= 8; type++) {
      assert.equal(get(p, type, 0, 1).status, 1, String(type));
      assert.equal(p.call('proxy_get_buffer_status', type, 16, 20), 1);
    }
  });
});

test('a body is there only in its own callback', async () => {
  const seen: Partial<Record<CallbackName, unknown>> = {};
  const r = await rig();
  const note = (name: CallbackName) => (p: Puppet) => {
    seen[name] = [p.body(0), p.body(1)];
  };
  for (const name of [
    'proxy_on_request_headers',
    'proxy_on_request_body',
    'proxy_on_request_trailers',
    'proxy_on_response_headers',
    'proxy_on_response_body',
    'proxy_on_response_trailers',
    'proxy_on_done',
    'proxy_on_log',
    'proxy_on_delete',
  ] as const) {
    r.script[name] = note(name);
  }
  new Drive(r.chain()).whole();
  assert.deepEqual(seen, {
    proxy_on_request_headers: [1, 1],
    proxy_on_request_body: ['request body', 1],
    proxy_on_request_trailers: [1, 1],
    proxy_on_response_headers: [1, 1],
    proxy_on_response_body: [1, 'response body'],
    proxy_on_response_trailers: [1, 1],
    proxy_on_done: [1, 1],
    proxy_on_log: [1, 1],
    proxy_on_delete: [1, 1],
  });
});

test('a body that was paused is there until it goes on', async () => {
  const seen: unknown[] = [];
  const r = await rig({
    proxy_on_request_body: () => 1,
    proxy_on_response_headers: p => {
      seen.push(p.body(0));
      p.call('proxy_continue_stream', 0);
      seen.push(p.body(0));
    },
    proxy_on_response_body: p => {
      seen.push(p.body(0));
    },
  });
  const d = new Drive(r.chain()).headers().data('held');
  d.responseHeaders();
  await undefined;
  d.responseData('x', true).finish();
  assert.deepEqual(seen, ['held', 'held', 1]);
  assert.deepEqual(d.events, ['> headers', '< 200', '> held', '< x end']);
});
