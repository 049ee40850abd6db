import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import { finished, type Op, probe, readPairs, results, STATUS, statuses, value } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, request } from '../support/raw-client.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, notFound, badArgument } = STATUS;
const read = (...paths: string[]): Op[] => paths.map(path => ['getProperty', path.replaceAll('.', '\0')]);
const integer = (text: string | undefined) => Number(Buffer.from(text ?? '', 'latin1').readBigInt64LE());

for (const transport of TRANSPORTS) {
  describe(`27. over ${transport}: properties`, () => {
    const ask = async (t: Parameters<typeof startUpstream>[0], ops: Op[], on: 'requestHeaders' | 'log') => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(201, { 'x-r': 'é' });
        res.end('answer');
      });
      const a = probe({ [on]: ops }, { rootId: 'root', vmId: 'vm' });
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { 'my-filter': a },
      });
      const lines = ['Referer: http://r', 'User-Agent: ua', 'X-Request-Id: id-1', 'X-In: 1'];
      const before = Date.now();
      await request(
        port,
        `POST /a/b?c=d&e HTTP/1.1\r\nHost: h.example\r\n${lines.join('\r\n')}\r\nContent-Length: 4\r\n\r\nbody`,
      );
      await finished(log, 1);
      const got = results(log, on, 'getProperty');
      return { got, values: got.map(e => e.value), upstream, port, before };
    };

    it('path segments separated by NUL; strings are bytes', async t => {
      const { values } = await ask(
        t,
        read(
          'request.path',
          'request.url_path',
          'request.query',
          'request.host',
          'request.scheme',
          'request.method',
          'request.referer',
          'request.useragent',
          'request.id',
          'request.protocol',
          'request.headers.x-in',
          'plugin_name',
          'plugin_root_id',
          'plugin_vm_id',
        ),
        'requestHeaders',
      );
      assert.deepEqual(values, [
        '/a/b?c=d&e',
        '/a/b',
        'c=d&e',
        'h.example',
        'http',
        'POST',
        'http://r',
        'ua',
        'id-1',
        'HTTP/1.1',
        '1',
        'my-filter',
        'root',
        'vm',
      ]);
    });

    it('integers are 8 raw little-endian bytes, booleans 1 byte, timestamps nanoseconds, maps pairs', async t => {
      const ops = read(
        'request.size',
        'response.code',
        'response.size',
        'listener_direction',
        'connection.mtls',
        'request.time',
        'request.duration',
        'request.total_size',
        'connection.id',
        'response.headers',
      );
      const { got, values, before } = await ask(t, ops, 'log');
      assert.deepEqual(got.map(e => e.size).slice(0, -1), [8, 8, 8, 8, 1, 8, 8, 8, 8]);
      assert.deepEqual(values.slice(0, 4).map(integer), [4, 201, 6, 1]);
      assert.equal(values[4], '\0');
      const time = Math.round(integer(values[5]) / 1e6);
      assert.ok(time >= before && time <= Date.now(), String(time));
      const duration = integer(values[6]) / 1e6;
      assert.ok(duration >= 0 && duration < 60_000);
      assert.ok(integer(values[7]) > 4 && integer(values[8]) > 0);
      assert.deepEqual(readPairs(values[9]!)[0], [':status', '201']);
    });

    it('connection, source, destination, upstream, route', async t => {
      const paths = [
        'source.address',
        'source.port',
        'destination.address',
        'destination.port',
        'upstream.address',
        'upstream.port',
        'cluster_name',
        'route_name',
        'connection_id',
      ];
      const { values, upstream, port } = await ask(t, read(...paths), 'log');
      assert.equal(values[0], `127.0.0.1:${integer(values[1])}`);
      assert.equal(values[2], `127.0.0.1:${port}`);
      assert.equal(integer(values[3]), port);
      assert.equal(values[4], `127.0.0.1:${upstream.port}`);
      assert.equal(integer(values[5]), upstream.port);
      assert.equal(values[6], 'app');
      assert.ok(values[7]!.length > 0);
      assert.ok(integer(values[8]) > 0);
    });

    it('metadata of the route and of the upstream it leads to, before the request is sent', async t => {
      const ops = [
        'cluster_name',
        'route_metadata|filter_metadata|envoy.filters.http.wasm|auth',
        'route_metadata|filter_metadata|envoy.filters.http.wasm|é',
        'cluster_metadata|filter_metadata|location|weight',
        'cluster_metadata|filter_metadata|location|spare',
        'cluster_metadata|filter_metadata|location',
        'cluster_metadata|filter_metadata|location|none',
        'cluster_metadata|filter_metadata|location|region|more',
        'cluster_metadata|filter_metadata|none',
        'cluster_metadata|filter_metadata|__proto__',
        'cluster_metadata|filter_metadata',
        'cluster_metadata',
        'cluster_metadata|location|region',
      ].map((path): Op => ['getProperty', Buffer.from(path.replaceAll('|', '\0')).toString('latin1')]);
      const set: Op = ['setProperty', 'route_metadata\0filter_metadata\0a\0b', 'x'];
      const { port, log } = await startTestWeir(t, {
        transport,
        filters: { a: probe({ requestHeaders: [...ops, set] }) },
        routes: [
          {
            upstream: 'app',
            filters: ['a'],
            metadata: { 'envoy.filters.http.wasm': { auth: 'cookie', é: 'ß' } },
          },
        ],
        upstreamMetadata: { location: { region: 'eu', weight: 1.5, spare: true } },
      });
      await get(port, '/');
      await finished(log, 1);
      const got = results(log, 'requestHeaders', 'getProperty');
      const values = got.map(e => e.value);
      assert.deepEqual(values.slice(0, 3), ['app', 'cookie', Buffer.from('ß').toString('latin1')]);
      assert.equal(Buffer.from(values[3]!, 'latin1').readDoubleLE(), 1.5);
      assert.equal(values[4], '\x01');
      const map = readPairs(values[5]!);
      assert.deepEqual(
        map.map(([key, value]) => [key, key === 'region' ? value : value.length]),
        [
          ['region', 'eu'],
          ['weight', 8],
          ['spare', 1],
        ],
      );
      assert.deepEqual(
        got.slice(6).map(e => e.status),
        ops.slice(6).map(() => notFound),
      );
      assert.equal(results(log, 'requestHeaders', 'setProperty')[0]?.status, badArgument);
    });

    it('attempts, latency, flags and what an upstream failed of', async t => {
      const dead = await closedPort();
      const upstream = await startUpstream(t, (req, res) => {
        if (req.url === '/slow') return;
        res.writeHead(200);
        setTimeout(() => res.end('late'), 20);
      });
      const paths = [
        'upstream.request_attempt_count',
        'upstream.num_endpoints',
        'upstream.transport_failure_reason',
        'response.flags',
        'response.code_details',
        'response.code',
        'response.backend_latency',
      ];
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port, dead],
        timeouts: { response: '100ms' },
        filters: { a: probe({ log: read(...paths) }) },
        routes: [
          { match: { path: { exact: '/dead' } }, upstream: 'app2', filters: ['a'] },
          { upstream: 'app', filters: ['a'] },
        ],
      });
      const ask = async (path: string, times: number) => {
        const { status } = await get(port, path);
        await finished(log, times);
        const all = results(log, 'log', 'getProperty').slice(-paths.length);
        return { status, values: all.map(({ value }) => value) };
      };
      const good = (await ask('/', 1)).values;
      assert.deepEqual(
        good.slice(0, 4).map((text, i) => (i === 2 ? text : integer(text))),
        [1, 1, '', 0],
      );
      assert.deepEqual([good[4], integer(good[5])], ['via_upstream', 200]);
      const latency = integer(good[6]) / 1e6;
      assert.ok(latency >= 15 && latency < 10_000, String(latency));
      const refused = await ask('/dead', 2);
      assert.equal(refused.status, 502);
      assert.match(refused.values[2]!, /ECONNREFUSED/);
      assert.equal(integer(refused.values[3]), 0x20);
      assert.equal(refused.values[4], 'upstream_reset_before_response_started{connection_failure}');
      assert.deepEqual([integer(refused.values[5]), refused.values[6]], [502, undefined]);
      const slow = await ask('/slow', 3);
      assert.equal(slow.status, 504);
      assert.equal(integer(slow.values[3]), 0x4);
      assert.equal(slow.values[4], 'upstream_response_timeout');
    });

    it('a client that went is in the flags', async t => {
      const upstream = await startUpstream(t, () => {});
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe({ log: read('response.flags') }) },
      });
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => upstream.requests.length === 1, 'the request');
      client.close();
      await finished(log, 1);
      assert.equal(integer(value(log, 'log', 'getProperty')), 0x4000);
    });

    it('what is not there is NOT_FOUND', async t => {
      const paths = [
        'nothing',
        'request',
        'request.nothing',
        'request.headers.x-none',
        'response.code',
        'response.headers',
        'upstream.address',
        'connection.tls_version',
        'connection.requested_server_name',
        '',
        '.',
        'request..path',
      ];
      const { got } = await ask(t, read(...paths), 'requestHeaders');
      assert.deepEqual(
        got.map(e => e.status),
        paths.map(() => notFound),
      );
    });
  });
}

describe('27. proxy_set_property', () => {
  it('is seen by the filters after this one, on the same stream only; bytes are kept', async t => {
    const bytes = '\0\x01é\xff';
    const a = probe({
      requestHeaders: [
        [
          'when',
          'header',
          ':path',
          '/set',
          [
            ['setProperty', 'my\0own', bytes],
            ['setProperty', 'other', ''],
          ],
        ],
      ],
    });
    const watch = read('my.own', 'other');
    const b = probe({ requestHeaders: watch, log: watch }, { vmId: 'another' });
    const { port, log } = await startTestWeir(t, { filters: { a, b } });
    await get(port, '/set');
    await get(port, '/plain');
    await finished(log, 4);
    assert.deepEqual(
      results(log, 'requestHeaders', 'getProperty').map(e => [e.status, e.value]),
      [
        [ok, bytes],
        [ok, ''],
        [notFound, undefined],
        [notFound, undefined],
      ],
    );
    assert.equal(results(log, 'log', 'getProperty')[0]?.value, bytes);
  });

  it("the host's own cannot be shadowed: BAD_ARGUMENT", async t => {
    const own = [
      'request.path',
      'request',
      'response.code',
      'source.address',
      'connection.id',
      'route_name',
      'plugin_name',
      'upstream.address',
      'request.nothing',
      '',
    ];
    const a = probe({
      requestHeaders: own.map((path): Op => ['setProperty', path.replaceAll('.', '\0'), 'forged']),
    });
    const b = probe({ requestHeaders: read('request.path', 'source.address') });
    const { port, log } = await startTestWeir(t, { filters: { a, b } });
    await get(port, '/real');
    assert.deepEqual(
      statuses(log, 'requestHeaders', 'setProperty'),
      own.map(() => badArgument),
    );
    assert.equal(results(log, 'requestHeaders', 'getProperty')[0]?.value, '/real');
  });
});
