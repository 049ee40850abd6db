import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallbackName, type Puppet, rig, serialise, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';

const ALL = [':method', 'GET', ':path', '/', ':authority', 'example.com', ':scheme', 'http'];
const exchange = () => new FakeExchange(['X-Multi', 'one', 'Other', 'x', 'x-multi', 'two', 'empty', '']);
const PAIRS = [...ALL, 'x-multi', 'one', 'other', 'x', 'x-multi', 'two', 'empty', ''];

for (const abi of VERSIONS) {
  test(`a map is read whole, in wire form, names in lower case (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      (p, _id, count) => {
        assert.equal(count, 8);
        const { status, bytes } = p.fetch('proxy_get_header_map_pairs', 0);
        assert.equal(status, 0);
        assert.deepEqual(bytes, serialise(PAIRS));
        assert.equal(p.call('proxy_get_header_map_size', 0, 16), 0);
        assert.equal(p.u32(16), bytes.length);
      },
      { abi, exchange: exchange() },
    );
  });

  test(`a value is the first of several, by a name in any case (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        assert.equal(p.header(0, 'x-multi'), 'one');
        assert.equal(p.header(0, 'X-MULTI'), 'one');
        assert.equal(p.header(0, ':path'), '/');
        assert.equal(p.header(0, 'Host'), 'example.com');
      },
      { abi, exchange: exchange() },
    );
  });

  test(`a missing field is ${abi === '0.1.0' ? 'OK and empty' : 'NOT_FOUND'}, an empty one OK (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        const missing = p.fetch('proxy_get_header_map_value', 0, ...p.put('missing'));
        assert.equal(missing.status, abi === '0.1.0' ? 0 : 1);
        assert.equal(p.bytes(16, 8).toString('hex'), (abi === '0.1.0' ? '00' : 'aa').repeat(8));
        const empty = p.fetch('proxy_get_header_map_value', 0, ...p.put('empty'));
        assert.deepEqual([empty.status, empty.ptr, p.u32(20)], [0, 0, 0]);
        assert.deepEqual(p.allocations, []);
        assert.equal(p.fetch('proxy_get_header_map_value', 0, 0, 0).status, abi === '0.1.0' ? 0 : 1);
      },
      { abi, exchange: exchange() },
    );
  });

  test(`a map that is not there now is BAD_ARGUMENT, but reads whole as empty (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        for (const map of [1, 2, 3, 4, 5, 6, 7]) {
          assert.equal(p.header(map, 'a'), 2, String(map));
          assert.equal(p.call('proxy_get_header_map_size', map, 16), 2);
          const { status, bytes, ptr } = p.fetch('proxy_get_header_map_pairs', map);
          assert.deepEqual([status, bytes.length, ptr], [0, 0, 0]);
        }
      },
      { abi },
    );
  });
}

test('bytes over 0x7f in values pass as they are', async () => {
  const value = Buffer.from(Array.from({ length: 128 }, (_, i) => 128 + i)).toString('latin1');
  await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(p.header(0, 'bytes'), value);
      assert.deepEqual(p.fetch('proxy_get_header_map_pairs', 0).bytes, serialise([...ALL, 'bytes', value]));
    },
    { exchange: new FakeExchange(['bytes', value]) },
  );
});

test('unknown maps are BAD_ARGUMENT everywhere', async () => {
  await during('proxy_on_request_headers', p => {
    for (const map of [8, 9, -1, 0x7fffffff, -0x80000000]) {
      assert.equal(p.header(map, 'a'), 2);
      assert.equal(p.fetch('proxy_get_header_map_pairs', map).status, 2);
      assert.equal(p.call('proxy_get_header_map_size', map, 16), 2);
    }
  });
});

test('memory is checked and the allocator is not trusted', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      assertPointersChecked(p, 'proxy_get_header_map_size', [0, 16], { out: [1] });
      assertPointersChecked(p, 'proxy_get_header_map_pairs', [0, 16, 20], { out: [1, 2] });
      assertAllocatorChecked(p, 'proxy_get_header_map_pairs', [0, 16, 20], serialise(PAIRS));
      const value = [0, ...p.put('x-multi'), 16, 20];
      assertPointersChecked(p, 'proxy_get_header_map_value', value, { out: [3, 4], data: [1] });
      assertAllocatorChecked(p, 'proxy_get_header_map_value', value, Buffer.from('one'));
      const empty = [0, ...p.put('empty'), 16, 20];
      assertPointersChecked(p, 'proxy_get_header_map_value', empty, { out: [3, 4] });
    },
    { exchange: exchange() },
  );
});

test('an allocator that changes the map does no harm', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      p.onAllocate = () => p.call('proxy_set_header_map_pairs', 0, 0, 0);
      assert.deepEqual(p.fetch('proxy_get_header_map_pairs', 0).bytes, serialise(PAIRS));
      assert.equal(p.fetch('proxy_get_header_map_pairs', 0).bytes.length, serialise(ALL).length);
    },
    { exchange: exchange() },
  );
});

test('a name of 64 KiB is looked up, and not there', async () => {
  await during('proxy_on_request_headers', p => {
    p.memory.fill('n', 0, 65536);
    assert.equal(p.call('proxy_get_header_map_value', 0, 0, 65536, 65540, 65544), 1);
  });
});

/** The first bytes that a map gives in each callback, or its status. */
async function maps(r: Awaited<ReturnType<typeof rig>>): Promise<Partial<Record<CallbackName, string>>> {
  const seen: Partial<Record<CallbackName, string>> = {};
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
    r.script[name] = (p: Puppet) => {
      const at = (map: number, field: string) => p.header(map, field);
      seen[name] = [at(0, ':path'), at(1, 'x-trailer'), at(2, ':status'), at(3, 'x-trailer')].join(' ');
    };
  }
  return seen;
}

test('each map is there in its own callback, and all of them in proxy_on_log', async () => {
  const r = await rig();
  const seen = await maps(r);
  new Drive(r.chain()).whole();
  assert.deepEqual(seen, {
    proxy_on_request_headers: '/ 2 2 2',
    proxy_on_request_body: '2 2 2 2',
    proxy_on_request_trailers: '2 request 2 2',
    proxy_on_response_headers: '2 2 200 2',
    proxy_on_response_body: '2 2 2 2',
    proxy_on_response_trailers: '2 2 2 response',
    proxy_on_done: '2 2 2 2',
    proxy_on_log: '/ request 200 response',
    proxy_on_delete: '/ request 200 response',
  });
});

test('trailers are open, and empty, in the last body callback', async () => {
  const r = await rig();
  const seen = await maps(r);
  new Drive(r.chain()).headers().data('x', true).responseHeaders().responseData('x', true).finish();
  assert.equal(seen.proxy_on_request_body, '2 1 2 2');
  assert.equal(seen.proxy_on_response_body, '2 2 2 1');
});

for (const abi of VERSIONS) {
  test(`in proxy_on_log a map that never came is empty: a filter must be able to ask (${abi})`, async () => {
    // Envoy answers NOT_FOUND there; the Rust SDK panics at anything else.
    const seen: unknown[] = [];
    const r = await rig(
      {
        proxy_on_log: p => {
          for (const map of [0, 1, 2, 3]) seen.push(p.header(map, 'absent'));
          seen.push(p.header(2, ':status'));
          seen.push(p.fetch('proxy_get_header_map_pairs', 2).status);
        },
      },
      { abi },
    );
    new Drive(r.chain()).headers().finish();
    const absent = abi === '0.1.0' ? '' : 1;
    assert.deepEqual(seen, [absent, absent, absent, absent, absent, 0]);
  });
}
