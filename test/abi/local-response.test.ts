import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { FakeExchange } from '../support/guest-exchange.ts';

for (const abi of VERSIONS) {
  test(`a local response carries status, headers, body and details (${abi})`, async () => {
    const { drive } = await during(
      'proxy_on_request_headers',
      p => {
        assert.equal(p.respond(403, 'no\0\xff', ['X-Why', 'é', 'a', '1', 'a', '2'], -1, 'denied'), 0);
        return 1;
      },
      { abi },
    );
    assert.deepEqual(drive.events, ['local', '< 403', '< no\0\xff end']);
    const { raw } = drive.exchange.response!;
    assert.deepEqual(raw.slice(0, 6), ['x-why', 'é', 'a', '1', 'a', '2']);
    assert.deepEqual(raw.slice(6), ['content-length', '4', 'content-type', 'text/plain']);
    assert.equal(drive.stream.localResponseDetails, 'denied');
    assert.equal(drive.stream.localResponseFilter, 'puppet');
  });
}

test('statuses 200-999 are sent, others are BAD_ARGUMENT', async () => {
  for (const status of [200, 599, 999]) {
    const { drive } = await during('proxy_on_request_headers', p => {
      for (const bad of [0, 1, 100, 101, 199, 1000, 0x7fffffff, -1, -0x80000000])
        assert.equal(p.respond(bad), 2, String(bad));
      assert.equal(p.respond(status), 0);
    });
    assert.deepEqual(drive.events, ['local', `< ${status} end`]);
  }
});

test('illegal and malformed headers are BAD_ARGUMENT and send nothing', async () => {
  const { drive } = await during('proxy_on_request_headers', p => {
    for (const [name, value] of [
      ['a', 'b\r\nSet-Cookie: x'],
      ['a', 'b\0'],
      ['a\n', 'b'],
      ['', 'b'],
      [':status', '200'],
      [':path', '/'],
    ] as const) {
      assert.equal(p.respond(403, '', ['good', '1', name, value]), 2, name);
    }
    const bad = p.put(Buffer.from([9, 0, 0, 0]));
    assert.equal(p.call('proxy_send_local_response', 403, 0, 0, 0, 0, ...bad, -1), 2);
  });
  assert.equal(drive.events[0], '> headers');
});

test('the three forms of no headers at all', async () => {
  for (const form of [Buffer.alloc(0), Buffer.from([0]), Buffer.alloc(4)]) {
    const { drive } = await during('proxy_on_request_headers', p => {
      assert.equal(p.call('proxy_send_local_response', 204, 0, 0, 0, 0, ...p.put(form), -1), 0);
    });
    assert.deepEqual(drive.events, ['local', '< 204 end']);
    assert.deepEqual(drive.exchange.response!.raw, []);
  }
});

test('memory is checked, and nothing is sent', async () => {
  const { drive } = await during('proxy_on_request_headers', p => {
    const args = [403, ...p.put('details'), ...p.put('body'), ...p.pairs(['a', 'b']), -1];
    assertPointersChecked(p, 'proxy_send_local_response', args, { data: [1, 3, 5] });
  });
  assert.equal(drive.events[0], '> headers');
});

test('the body is copied: the guest may use its memory again at once', async () => {
  const { drive } = await during('proxy_on_request_headers', p => {
    p.respond(200, 'body');
    p.memory.fill(0, 4096, 8192);
  });
  assert.equal(drive.events[2], '< body end');
});

test("framing is ours, and the filter's own content-type is kept", async () => {
  const { drive } = await during('proxy_on_request_headers', p => {
    p.respond(200, 'body', [
      ...['Content-Length', '999', 'content-length', '1'],
      ...['Transfer-Encoding', 'chunked', 'Content-Type', 'text/html'],
    ]);
  });
  assert.deepEqual(drive.exchange.response!.raw, ['content-type', 'text/html', 'content-length', '4']);
});

test('204 and 304 have no body and no length', async () => {
  for (const status of [204, 304]) {
    const { drive } = await during('proxy_on_request_headers', p => {
      p.respond(status, 'dropped', ['a', 'b']);
    });
    assert.deepEqual(drive.events, ['local', `< ${status} end`]);
    assert.deepEqual(drive.exchange.response!.raw, ['a', 'b']);
  }
});

test('details of 256 bytes at the most are kept, and there are some without', async () => {
  const long = await during('proxy_on_request_headers', p => {
    p.respond(403, '', [], -1, 'd'.repeat(300));
  });
  assert.equal(long.drive.stream.localResponseDetails, 'd'.repeat(256));
  const none = await during('proxy_on_request_headers', p => {
    p.respond(403);
  });
  assert.equal(none.drive.stream.localResponseDetails, 'local_response');
});

const grpcRequest = (type = 'application/grpc') => new FakeExchange(['Content-Type', type], 'POST', '/svc/m');

async function grpcAnswer(status: number, grpc: number, body = '', headers: string[] = []) {
  const { drive } = await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(p.respond(status, body, headers, grpc), 0);
    },
    { exchange: grpcRequest() },
  );
  assert.deepEqual(drive.events, ['local', '< 200 end'], 'trailers only');
  return drive.exchange.response!;
}

test('a gRPC request gets a trailers-only answer: status and message as fields', async () => {
  const response = await grpcAnswer(403, 7, `not\nallowed 100% ${Buffer.from('é').toString('latin1')}`, [
    'x-a',
    '1',
    'content-type',
    'text/html',
  ]);
  assert.deepEqual(response.pairs(), [
    ...[':status', '200', 'x-a', '1', 'content-type', 'application/grpc'],
    ...['grpc-status', '7', 'grpc-message', 'not%0Aallowed 100%25 %C3%A9'],
  ]);
});

for (const [status, expected] of [
  [200, 2],
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [500, 2],
  [502, 14],
  [503, 14],
  [504, 14],
  [418, 2],
] as const) {
  test(`without a gRPC status, HTTP ${status} becomes ${expected}`, async () => {
    for (const absent of [-1, 17, 0x7fffffff, -0x80000000]) {
      assert.equal((await grpcAnswer(status, absent)).get('grpc-status'), String(expected));
    }
  });
}

test('a gRPC status of 0 to 16 is sent as it is', async () => {
  for (const grpc of [0, 1, 16]) {
    assert.equal((await grpcAnswer(503, grpc)).get('grpc-status'), String(grpc));
  }
});

test('a grpc-status that the filter wrote itself is not sent twice', async () => {
  const response = await grpcAnswer(403, -1, '', ['Grpc-Status', '8']);
  assert.deepEqual(
    response.pairs().filter((_, i, all) => all[i - (i % 2)] === 'grpc-status'),
    ['grpc-status', '8'],
  );
  const message = await grpcAnswer(403, 7, 'ours', ['grpc-message', 'theirs']);
  assert.deepEqual(
    message.pairs().filter((_, i, all) => all[i - (i % 2)] === 'grpc-message'),
    ['grpc-message', 'ours'],
  );
});

test('only gRPC itself is answered so', async () => {
  for (const [type, grpc] of [
    ['application/grpc+proto', true],
    ['APPLICATION/GRPC; charset=x', true],
    ['application/grpc-web', false],
    ['application/grpcx', false],
    ['text/plain', false],
  ] as const) {
    const { drive } = await during(
      'proxy_on_request_headers',
      p => {
        p.respond(403, 'x', [], 7);
      },
      { exchange: grpcRequest(type) },
    );
    assert.equal(drive.exchange.response!.get('grpc-status'), grpc ? '7' : undefined, type);
  }
});

test('outside a stream there is nothing to answer', async () => {
  await during('proxy_on_configure', p => {
    assert.equal(p.respond(403), 2);
  });
});
