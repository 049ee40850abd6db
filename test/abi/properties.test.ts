import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig, serialise, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';

const set = (p: Puppet, path: string, value: string) =>
  p.call('proxy_set_property', ...p.put(path), ...p.put(value));
const text = (p: Puppet, path: string) => {
  const value = p.property(path);
  return typeof value === 'number' ? value : value.toString('latin1');
};
const integer = (n: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(n));
  return bytes;
};

for (const abi of VERSIONS) {
  test(`strings are their bytes and integers 8 bytes, little-endian (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        assert.deepEqual(p.property('request\0path'), Buffer.from('/a?b=c&d'));
        assert.deepEqual(p.property('source\0port'), integer(40000));
      },
      { abi, exchange: new FakeExchange([], 'GET', '/a?b=c&d') },
    );
  });
}

test('the request', async () => {
  const exchange = new FakeExchange(
    ['Referer', 'r', 'User-Agent', 'ua', 'X-Request-Id', 'id', 'X-Bytes', '\xff\x80'],
    'POST',
    '/a/b?c=d?e',
  );
  await during(
    'proxy_on_request_headers',
    p => {
      for (const [path, value] of [
        ['path', '/a/b?c=d?e'],
        ['url_path', '/a/b'],
        ['query', 'c=d?e'],
        ['host', 'example.com'],
        ['scheme', 'http'],
        ['method', 'POST'],
        ['referer', 'r'],
        ['useragent', 'ua'],
        ['id', 'id'],
        ['protocol', 'HTTP/1.1'],
        ['headers\0x-bytes', '\xff\x80'],
        ['headers\0X-REQUEST-ID', 'id'],
        ['headers\0:path', '/a/b?c=d?e'],
      ]) {
        assert.equal(text(p, `request\0${path}`), value, path);
      }
      assert.deepEqual(p.property('request\0time'), integer(1_700_000_000_000_000_000n));
      assert.deepEqual(p.property('request\0size'), integer(0));
      assert.deepEqual(
        p.property('request\0headers'),
        serialise([
          ...[':method', 'POST', ':path', '/a/b?c=d?e', ':authority', 'example.com', ':scheme', 'http'],
          ...['referer', 'r', 'user-agent', 'ua', 'x-request-id', 'id', 'x-bytes', '\xff\x80'],
        ]),
      );
    },
    { exchange },
  );
});

test('headers are the headers as filters before have changed them', async () => {
  await during('proxy_on_request_headers', p => {
    p.setHeader(0, ':path', '/changed?q');
    p.setHeader(0, 'new', 'value');
    assert.equal(text(p, 'request\0path'), '/changed?q');
    assert.equal(text(p, 'request\0query'), 'q');
    assert.equal(text(p, 'request\0headers\0new'), 'value');
  });
});

test('the connection', async () => {
  await during('proxy_on_request_headers', p => {
    assert.equal(text(p, 'source\0address'), '192.0.2.1:40000');
    assert.equal(text(p, 'destination\0address'), '192.0.2.2:8080');
    assert.deepEqual(p.property('destination\0port'), integer(8080));
    assert.deepEqual(p.property('connection\0id'), integer(7));
    assert.deepEqual(p.property('connection_id'), integer(7));
    assert.deepEqual(p.property('connection\0mtls'), Buffer.from([0]));
    assert.equal(p.property('connection\0tls_version'), 1);
    assert.equal(p.property('connection\0requested_server_name'), 1);
  });
});

test('the upstream and the response are there once they are known', async () => {
  const exchange = new FakeExchange();
  const seen: unknown[] = [];
  const r = await rig({
    proxy_on_request_headers: p => {
      seen.push(p.property('upstream\0address'), p.property('cluster_name'), p.property('response\0code'));
    },
    proxy_on_response_body: p => {
      seen.push(text(p, 'upstream\0address'), p.property('upstream\0port'), text(p, 'cluster_name'));
      seen.push(p.property('response\0code'), text(p, 'response\0headers\0content-type'));
      seen.push(text(p, 'response\0code_details'), p.property('response\0size'));
    },
    proxy_on_log: p => {
      seen.push(text(p, 'response\0trailers\0x-trailer'), p.property('response\0grpc_status'));
    },
  });
  const d = new Drive(r.chain(), exchange);
  d.headers(true);
  exchange.upstream = { name: 'app', address: '::1', port: 9000 };
  d.responseHeaders(404, ['Content-Type', 'text/html']).responseData('12345');
  d.responseTrailers(['x-trailer', 't', 'grpc-status', '5']).finish();
  assert.deepEqual(seen, [
    ...[1, 1, 1],
    ...['[::1]:9000', integer(9000), 'app', integer(404), 'text/html', 'via_upstream', integer(5)],
    ...['t', integer(5)],
  ]);
});

test('names from the configuration are UTF-8', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      assert.deepEqual(p.property('plugin_name'), Buffer.from('фильтр'));
      assert.deepEqual(p.property('plugin_root_id'), Buffer.from('根'));
      assert.deepEqual(p.property('plugin_vm_id'), Buffer.from('vm-é'));
      assert.equal(text(p, 'route_name'), 'route');
      assert.deepEqual(p.property('listener_direction'), integer(1));
    },
    { options: { name: 'фильтр', rootId: '根', vmId: 'vm-é' } },
  );
});

test('a NUL at the end of a path is ignored; what does not exist is NOT_FOUND', async () => {
  await during('proxy_on_request_headers', p => {
    assert.equal(text(p, 'request\0path\0'), '/');
    for (const path of [
      '',
      '\0',
      'request',
      'request\0',
      'request\0nothing',
      'request.path',
      'nothing',
      'request\0headers\0absent',
      '\0request\0path',
      'plugin_name\0x',
      '__proto__',
      'constructor',
      'request\0__proto__',
      'x'.repeat(4097),
    ]) {
      assert.equal(p.property(path), 1, JSON.stringify(path.slice(0, 40)));
    }
  });
});

test('outside a stream there are only the names of the plugin', async () => {
  await during('proxy_on_configure', p => {
    assert.equal(text(p, 'plugin_name'), 'puppet');
    assert.equal(p.property('request\0path'), 1);
    assert.equal(p.property('route_name'), 1);
    assert.equal(set(p, 'mine', 'x'), 1);
    assert.equal(p.property('mine'), 1);
  });
});

test('a property set by one filter is seen by the others of the same stream only', async () => {
  const seen: unknown[] = [];
  const first = await rig({
    proxy_on_request_headers: p => {
      seen.push(set(p, 'my\0key', 'value \xff'), set(p, 'my\0key\0', 'again'), set(p, 'empty', ''));
    },
    proxy_on_response_headers: p => {
      seen.push(text(p, 'answer'));
    },
  });
  const second = await rig({
    proxy_on_request_headers: p => {
      seen.push(text(p, 'my\0key'), text(p, 'empty'), p.property('my'));
    },
    proxy_on_response_headers: p => {
      set(p, 'answer', 'yes');
    },
  });
  const chain = first.chain(first.start(), second.start());
  new Drive(chain).headers(true).responseHeaders(200, [], true).finish();
  assert.deepEqual(seen, [0, 0, 0, 'again', '', 1, 'yes']);
  seen.length = 0;
  first.script = {};
  new Drive(chain).headers(true).finish();
  assert.deepEqual(seen, [1, 1, 1]);
});

test("the host's own properties can not be set", async () => {
  await during('proxy_on_request_headers', p => {
    for (const path of [
      'request\0path',
      'request',
      'request\0mine',
      'response\0code',
      'source\0address',
      'plugin_name',
      'route_name',
      'cluster_name',
      'connection_id',
      'request\0path\0',
      '',
      'x'.repeat(4097),
    ]) {
      assert.equal(set(p, path, 'x'), 2, JSON.stringify(path.slice(0, 40)));
    }
    assert.equal(text(p, 'request\0path'), '/');
  });
});

test('the size of a request is what it announces; a field that comes twice is joined by a comma, as in Envoy', async () => {
  const fields = ['Content-Length', '5', 'X-Two', 'a', 'x-two', 'b, c'];
  await during(
    'proxy_on_request_headers',
    p => {
      assert.deepEqual(p.property('request\0size'), integer(5));
      assert.equal(text(p, 'request\0headers\0X-Two'), 'a,b, c');
      assert.equal(p.header(0, 'x-two'), 'a', 'not so in maps');
      const bytes = 'Content-Length: 5\r\nX-Two: a\r\nx-two: b, c\r\n'.length;
      assert.deepEqual(p.property('request\0headers_bytes'), integer(bytes));
      assert.equal(p.setHeader(0, 'content-length', 'many'), 0);
      assert.deepEqual(p.property('request\0size'), integer(0));
    },
    { exchange: new FakeExchange(fields, 'POST') },
  );
});

test('a query ends where a fragment begins', async () => {
  await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(text(p, 'request\0query'), 'b=c');
      assert.equal(text(p, 'request\0path'), '/a?b=c#d');
    },
    { exchange: new FakeExchange([], 'GET', '/a?b=c#d') },
  );
});

test('how the upstream was asked, and of what it failed', async () => {
  const exchange = new FakeExchange();
  const seen: unknown[] = [];
  const read = (p: Puppet) => {
    for (const path of ['request_attempt_count', 'num_endpoints', 'transport_failure_reason'])
      seen.push(p.property(`upstream\0${path}`));
    for (const path of ['flags', 'code_details', 'backend_latency'])
      seen.push(p.property(`response\0${path}`));
  };
  const r = await rig({ proxy_on_request_headers: read, proxy_on_log: read });
  exchange.target = {
    routeMetadata: undefined,
    upstream: 'app',
    upstreamMetadata: undefined,
    endpoints: 3,
  };
  const d = new Drive(r.chain(), exchange);
  d.headers(true);
  assert.deepEqual(seen.splice(0), [integer(0), integer(3), 1, integer(0), 1, 1]);
  exchange.tries = { count: 1, failure: undefined, latency: 1.5 };
  d.responseHeaders(200, [], true).finish();
  assert.deepEqual(seen.splice(0), [
    ...[integer(1), integer(3), Buffer.alloc(0)],
    ...[integer(0), Buffer.from('via_upstream'), integer(1_500_000)],
  ]);
});

for (const [code, flags, details] of [
  ['UPSTREAM_CONNECT', 0x20, 'upstream_reset_before_response_started{connection_failure}'],
  ['UPSTREAM_TIMEOUT', 0x4, 'upstream_response_timeout'],
  ['UPSTREAM_RESET', 0x40, 'upstream_reset_before_response_started{connection_termination}'],
  ['UPSTREAM_PROTOCOL', 0x80_0000, 'upstream_reset_before_response_started{protocol_error}'],
] as const) {
  test(`response flags and details when an upstream failed: ${code}`, async () => {
    const exchange = new FakeExchange();
    exchange.tries = { count: 2, failure: { code, message: 'why' }, latency: undefined };
    exchange.responseStatus = 502;
    exchange.clientGone = true;
    await during(
      'proxy_on_request_headers',
      p => {
        assert.equal(text(p, 'upstream\0transport_failure_reason'), 'why');
        assert.deepEqual(p.property('response\0flags'), integer(flags + 0x4000));
        assert.equal(text(p, 'response\0code_details'), details);
        assert.deepEqual(p.property('response\0code'), integer(502));
        assert.equal(p.property('response\0backend_latency'), 1);
      },
      { exchange },
    );
  });
}

test('certificates of the connection', async () => {
  const exchange = new FakeExchange();
  const local = { subject: 'CN=server', dnsName: 'server.example', uri: '', sha256: 'aa', pem: 'none' };
  const peer = {
    subject: 'CN=client,O=Ö',
    dnsName: '',
    uri: 'spiffe://client',
    sha256: 'bb',
    pem: '-----BEGIN CERTIFICATE-----\nA+/=\n',
  };
  exchange.connection = {
    ...exchange.connection,
    tlsVersion: 'TLSv1.3',
    requestedServerName: 'server.example',
    certificates: { verified: true, local, peer },
  };
  await during(
    'proxy_on_request_headers',
    p => {
      const read = (name: string) => {
        const value = p.property(`connection\0${name}`);
        return typeof value === 'number' ? value : value.toString();
      };
      assert.deepEqual(p.property('connection\0mtls'), Buffer.from([1]));
      assert.equal(read('tls_version'), 'TLSv1.3');
      assert.equal(read('requested_server_name'), 'server.example');
      assert.equal(read('subject_local_certificate'), 'CN=server');
      assert.equal(read('subject_peer_certificate'), 'CN=client,O=Ö');
      assert.equal(read('dns_san_local_certificate'), 'server.example');
      assert.equal(read('dns_san_peer_certificate'), 1);
      assert.equal(read('uri_san_local_certificate'), 1);
      assert.equal(read('uri_san_peer_certificate'), 'spiffe://client');
      assert.equal(read('sha256_peer_certificate_digest'), 'bb');
      assert.equal(read('sha256_local_certificate_digest'), 1);
      assert.equal(
        read('peer_certificate'),
        '-----BEGIN%20CERTIFICATE-----%0AA%2B%2F%3D%0A',
        'URL-encoded, as in Envoy',
      );
    },
    { exchange },
  );
});

test('the names that stand under xds are the same values', async () => {
  const exchange = new FakeExchange();
  exchange.target = {
    routeMetadata: { ns: { key: 'r' } },
    upstream: 'app',
    upstreamMetadata: { ns: { key: 'u' } },
    endpoints: 1,
  };
  await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(text(p, 'xds\0cluster_name'), 'app');
      assert.equal(text(p, 'xds\0route_name'), 'route');
      assert.equal(text(p, 'xds\0route_metadata\0filter_metadata\0ns\0key'), 'r');
      assert.equal(text(p, 'xds\0cluster_metadata\0filter_metadata\0ns\0key'), 'u');
      assert.equal(text(p, 'cluster_metadata\0filter_metadata\0ns\0key'), 'u');
      assert.deepEqual(p.property('xds\0listener_direction'), integer(1));
      for (const path of ['xds', 'xds\0node', 'xds\0plugin_name', 'xds\0xds\0route_name', 'xds\0connection'])
        assert.equal(p.property(path), 1, path);
    },
    { exchange },
  );
});

test('what a filter set stands under filter_state with wasm. before it, too, as in Envoy', async () => {
  await during('proxy_on_request_headers', p => {
    assert.equal(set(p, 'mine', 'value'), 0);
    assert.equal(set(p, 'a\0b', 'deep'), 0);
    assert.equal(text(p, 'filter_state\0wasm.mine'), 'value');
    assert.equal(text(p, 'filter_state\0wasm.a\0b'), 'deep');
    for (const path of ['filter_state\0mine', 'filter_state', 'wasm.mine', 'filter_state\0wasm.none'])
      assert.equal(p.property(path), 1, path);
    assert.equal(p.property('filter_state\0wasm.request\0path'), 1);
  });
});

test("names of Envoy's that mean nothing here are not there, and are no filter's to set", async () => {
  await during('proxy_on_request_headers', p => {
    for (const path of ['node\0id', 'metadata', 'listener_metadata', 'upstream_host_metadata', 'xds\0node']) {
      assert.equal(p.property(path), 1, path);
      assert.equal(set(p, path, 'x'), 2, path);
    }
    assert.equal(set(p, 'filter_state\0wasm.mine', 'x'), 2);
  });
});

test('memory is checked and the allocator is not trusted', async () => {
  await during('proxy_on_request_headers', p => {
    const args = [...p.put('request\0method'), 16, 20];
    assertPointersChecked(p, 'proxy_get_property', args, { out: [2, 3], data: [0] });
    assertAllocatorChecked(p, 'proxy_get_property', args, Buffer.from('GET'));
    assertPointersChecked(p, 'proxy_set_property', [...p.put('mine'), ...p.put('value')], { data: [0, 2] });
    assert.equal(p.property('mine'), 1);
  });
});
