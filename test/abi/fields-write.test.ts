import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallbackName, type Puppet, rig, serialise, VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';

const add = (p: Puppet, map: number, name: string, value: string) =>
  p.call('proxy_add_header_map_value', map, ...p.put(name), ...p.put(value));
const remove = (p: Puppet, map: number, name: string) =>
  p.call('proxy_remove_header_map_value', map, ...p.put(name));
const setPairs = (p: Puppet, map: number, pairs: string[]) =>
  p.call('proxy_set_header_map_pairs', map, ...p.pairs(pairs));

for (const abi of VERSIONS) {
  test(`add appends, replace leaves one, remove takes all (${abi})`, async () => {
    const { drive } = await during(
      'proxy_on_request_headers',
      p => {
        assert.equal(add(p, 0, 'X-Multi', 'three'), 0);
        assert.equal(p.setHeader(0, 'X-Other', 'new'), 0);
        assert.equal(p.setHeader(0, 'X-Created', ''), 0);
        assert.equal(remove(p, 0, 'X-GONE'), 0);
        assert.equal(remove(p, 0, 'never-there'), 0);
      },
      {
        abi,
        exchange: new FakeExchange([
          ...['X-Multi', 'one', 'X-Gone', '1', 'x-other', 'a'],
          ...['x-multi', 'two', 'x-gone', '2', 'X-Other', 'b'],
        ]),
      },
    );
    assert.deepEqual(drive.exchange.requestHeaders.raw, [
      ...['X-Multi', 'one', 'x-other', 'new', 'x-multi', 'two'],
      ...['x-multi', 'three', 'x-created', ''],
    ]);
  });

  test(`a map is replaced whole (${abi})`, async () => {
    const { drive } = await during(
      'proxy_on_response_headers',
      p => {
        assert.equal(setPairs(p, 2, ['B', '2', ':status', '418', 'a', '1', 'b', '3']), 0);
      },
      { abi },
    );
    assert.equal(drive.exchange.response!.status, 418);
    assert.deepEqual(drive.exchange.response!.raw, ['b', '2', 'a', '1', 'b', '3']);
  });
}

test('an empty map empties the fields, and pseudo headers stay', async () => {
  for (const form of [Buffer.alloc(0), Buffer.from([0]), Buffer.alloc(4)]) {
    const { drive } = await during('proxy_on_request_headers', p => {
      assert.equal(p.call('proxy_set_header_map_pairs', 0, ...p.put(form)), 0);
    });
    assert.deepEqual(drive.exchange.requestHeaders.raw, []);
    assert.equal(drive.exchange.requestHeaders.path, '/');
  }
});

test('illegal fields are BAD_ARGUMENT and change nothing', async () => {
  await during('proxy_on_request_headers', p => {
    const before = p.fetch('proxy_get_header_map_pairs', 0).bytes;
    for (const [name, value] of [
      ['a', 'b\r\nx: y'],
      ['a', 'b\n'],
      ['a', 'b\0'],
      ['a\r\n', 'b'],
      ['a b', 'c'],
      ['', 'b'],
      ['a:', 'b'],
      ['\xe9', 'b'],
      [':status', '200'],
      [':path', 'relative'],
      [':path', '/ HTTP/1.1\r\nx: y'],
      [':method', 'GET / HTTP/1.1'],
      [':authority', 'a\r\nb'],
      ['Host', 'a\r\nb'],
      [':unknown', 'x'],
    ] as const) {
      assert.equal(add(p, 0, name, value), 2, `add ${name} ${value}`);
      assert.equal(p.setHeader(0, name, value), 2, `replace ${name} ${value}`);
      assert.equal(setPairs(p, 0, [':path', '/x', 'good', 'one', name, value]), 2, `set ${name} ${value}`);
      assert.deepEqual(p.fetch('proxy_get_header_map_pairs', 0).bytes, before);
    }
  });
});

test('malformed maps are BAD_ARGUMENT and change nothing', async () => {
  await during('proxy_on_request_headers', p => {
    const before = p.fetch('proxy_get_header_map_pairs', 0).bytes;
    const good = serialise(['a', '1', 'b', '2']);
    const forms = [
      Buffer.from([7]),
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.from([0])]),
      Buffer.from(good.map((b, i) => (i === good.length - 1 ? 9 : b))),
      Buffer.from([255, 255, 255, 255]),
      serialise(Array.from({ length: 2 * 1025 }, () => 'n')),
    ];
    for (const form of forms) {
      assert.equal(p.call('proxy_set_header_map_pairs', 0, ...p.put(form)), 2);
      assert.deepEqual(p.fetch('proxy_get_header_map_pairs', 0).bytes, before);
    }
  });
});

test('a map over 1 MiB is refused', async () => {
  await during('proxy_on_request_headers', p => {
    p.call('grow', 20);
    const bytes = serialise(['n', 'v'.repeat(1024 * 1024)]);
    p.memory.set(bytes, 131072);
    assert.equal(p.call('proxy_set_header_map_pairs', 0, 131072, bytes.length), 2);
    assert.equal(p.header(0, 'x-two'), '1');
  });
});

test('pseudo headers can not be removed', async () => {
  await during('proxy_on_request_headers', p => {
    for (const name of [':method', ':path', ':authority', ':scheme', 'host', ':status', ':other'])
      assert.equal(remove(p, 0, name), 2, name);
  });
});

test('memory is checked, and nothing changes', async () => {
  const { drive } = await during('proxy_on_request_headers', p => {
    const args = [0, ...p.put('name'), ...p.put('value')];
    assertPointersChecked(p, 'proxy_add_header_map_value', args, { data: [1, 3] });
    assertPointersChecked(p, 'proxy_replace_header_map_value', args, { data: [1, 3] });
    assertPointersChecked(p, 'proxy_remove_header_map_value', [0, ...p.put('x-two')], { data: [1] });
    assertPointersChecked(p, 'proxy_set_header_map_pairs', [0, ...p.pairs(['a', 'b'])], { data: [1] });
  });
  assert.deepEqual(drive.exchange.requestHeaders.raw, ['X-Case', 'Value', 'x-two', '1']);
  assert.equal(drive.exchange.requestHeaders.mutated, false);
});

test('unknown maps, and maps that are not open, are BAD_ARGUMENT', async () => {
  await during('proxy_on_request_headers', p => {
    for (const map of [1, 2, 3, 4, 5, 6, 7, 8, 100, -1, -0x80000000]) {
      assert.equal(add(p, map, 'a', 'b'), 2, String(map));
      assert.equal(p.setHeader(map, 'a', 'b'), 2);
      assert.equal(remove(p, map, 'a'), 2);
      assert.equal(setPairs(p, map, ['a', 'b']), 2);
    }
  });
});

test('a map can be written only in its own callback', async () => {
  const seen: Partial<Record<CallbackName, string>> = {};
  const r = await rig();
  const names = [
    'proxy_on_vm_start',
    'proxy_on_configure',
    'proxy_on_request_headers',
    'proxy_on_request_body',
    'proxy_on_request_trailers',
    'proxy_on_response_headers',
    'proxy_on_response_body',
    'proxy_on_response_trailers',
    'proxy_on_done',
    'proxy_on_log',
    'proxy_on_delete',
  ] as const;
  for (const name of names) {
    r.script[name] = p => {
      seen[name] = [0, 1, 2, 3].map(map => (p.setHeader(map, 'x', name) === 0 ? 'w' : '-')).join('');
    };
  }
  new Drive(r.chain()).whole();
  assert.deepEqual(seen, {
    proxy_on_vm_start: '----',
    proxy_on_configure: '----',
    proxy_on_request_headers: 'w---',
    proxy_on_request_body: '----',
    proxy_on_request_trailers: '-w--',
    proxy_on_response_headers: '--w-',
    proxy_on_response_body: '----',
    proxy_on_response_trailers: '---w',
    proxy_on_done: '----',
    proxy_on_log: '----',
    proxy_on_delete: '----',
  });
});

test('headers that were paused can be changed until they go on', async () => {
  const seen: number[] = [];
  const r = await rig({
    proxy_on_request_headers: () => 1,
  });
  const plugin = r.start();
  const d = new Drive(r.chain(plugin)).headers();
  const other = new Drive(r.chain(plugin));
  r.script.proxy_on_request_headers = p => {
    p.call('proxy_set_effective_context', 2);
    seen.push(p.setHeader(0, 'late', '1'), p.call('proxy_continue_stream', 0), p.setHeader(0, 'late', '2'));
  };
  other.headers(true);
  await undefined;
  assert.deepEqual(d.events, ['> headers']);
  assert.equal(d.exchange.requestHeaders.get('late'), '2');
  r.script.proxy_on_request_headers = p => {
    p.call('proxy_set_effective_context', 2);
    seen.push(p.setHeader(0, 'late', '3'));
  };
  new Drive(r.chain(plugin)).headers(true);
  assert.deepEqual(seen, [0, 0, 0, 2]);
});
