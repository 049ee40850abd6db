import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import {
  ALL,
  calls,
  finished,
  type Op,
  PAUSE,
  probe,
  results,
  type Script,
  STATUS,
  statuses,
} from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, header, headerValues, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok } = STATUS;
const POST =
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-t: 1\r\n\r\n';
const LOCAL: Op = [
  'local',
  403,
  'no',
  [
    ['x-why', 'because'],
    ['X-Why', 'really'],
  ],
  -1,
  'denied',
];

/** Adds its name to a header of every response that it sees. */
const mark = (name: string): Script => ({ responseHeaders: [['add', 2, 'x-seen-by', name]] });

const responses = (all: string[]) => all.filter(c => c.includes('response'));

for (const transport of TRANSPORTS) {
  describe(`22. over ${transport}: local responses`, () => {
    const filters = (script: Script) => ({
      a: probe(mark('a')),
      b: probe({ ...mark('b'), ...script }),
      c: probe(mark('c')),
    });

    for (const action of [0, PAUSE]) {
      it(`from request headers, whatever the callback returns (${action}): the filters after it never run; the response callbacks run for those the request reached`, async t => {
        const upstream = await startUpstream(t);
        const { port, log } = await startTestWeir(t, {
          transport,
          upstreams: [upstream.port],
          filters: filters({ requestHeaders: [LOCAL, ['return', action]] }),
        });
        const response = await request(port, POST);
        await finished(log, 2);
        assert.equal(response.status, 403);
        assert.equal(response.body.toString(), 'no');
        assert.deepEqual(headerValues(response, 'x-why'), ['because', 'really']);
        assert.deepEqual(headerValues(response, 'x-seen-by'), ['b', 'a']);
        assert.equal(header(response, 'content-length'), '2');
        assert.equal(upstream.requests.length, 0);
        assert.deepEqual(calls(log), [
          'a requestHeaders',
          'b requestHeaders',
          'b responseHeaders',
          'a responseHeaders',
          'b responseBody end',
          'a responseBody end',
        ]);
        assert.ok(!calls(log, true).some(c => c.startsWith('c ') && c !== 'c create'));
      });
    }

    for (const [phase, script] of [
      ['request body', { requestBody: [LOCAL] }],
      ['request trailers', { requestTrailers: [LOCAL] }],
    ] as const) {
      it(`from the ${phase}, with the headers held back by nobody: every filter reached sees it, in reverse order`, async t => {
        const upstream = await startUpstream(t);
        const { port, log } = await startTestWeir(t, {
          transport,
          upstreams: [upstream.port],
          filters: filters(script),
        });
        const response = await request(port, POST);
        await finished(log, 3);
        assert.equal(response.status, 403);
        assert.deepEqual(headerValues(response, 'x-seen-by'), ['c', 'b', 'a']);
        assert.deepEqual(
          responses(calls(log)),
          ['c', 'b', 'a']
            .map(f => `${f} responseHeaders`)
            .concat(['c', 'b', 'a'].map(f => `${f} responseBody end`)),
        );
      });
    }

    it('from response headers: in place of the response; the filters that follow run, those before it have run', async t => {
      const upstream = await startUpstream(t, (_req, res) =>
        res.writeHead(200, { 'x-upstream': '1' }).end('secret'),
      );
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: filters({ responseHeaders: [LOCAL, ['return', PAUSE]] }),
      });
      const response = await get(port, '/');
      await finished(log, 3);
      assert.equal(response.status, 403);
      assert.equal(response.body.toString(), 'no');
      assert.deepEqual(headerValues(response, 'x-seen-by'), ['a']);
      assert.equal(header(response, 'x-upstream'), undefined);
      assert.deepEqual(responses(calls(log)), [
        'c responseHeaders',
        'b responseHeaders',
        'a responseHeaders',
        'a responseBody end',
      ]);
    });

    it('from the response body while response headers are held: still in place of the response', async t => {
      const upstream = await startUpstream(t, (_req, res) => res.end('secret'));
      const b = probe(
        { responseHeaders: [['return', PAUSE]], responseBody: [LOCAL] },
        { allowOnHeadersStopIteration: true },
      );
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe(mark('a')), b },
      });
      const response = await get(port, '/');
      await finished(log, 2);
      assert.equal(response.status, 403);
      assert.equal(response.body.toString(), 'no');
      assert.deepEqual(headerValues(response, 'x-seen-by'), ['a']);
    });

    it('after response headers went out: reset', async t => {
      const upstream = await startRawUpstream(t, socket =>
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n'),
      );
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: filters({ responseBody: [['when', 'call', 2, [LOCAL]]] }),
      });
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.received.includes('first'), 'the first part');
      upstream.sockets[0]?.write('6\r\nsecond\r\n0\r\n\r\n');
      await client.untilClosed();
      await finished(log, 3);
      assert.ok(
        !client.received.includes('second') &&
          !client.received.includes('\r\n0\r\n') &&
          !client.received.includes('403'),
      );
    });

    it('from another stream, through its context', async t => {
      const upstream = await startUpstream(t);
      const hold = [
        'when',
        'header',
        ':path',
        '/held',
        [
          ['remember', 0],
          ['return', PAUSE],
        ],
      ] as const;
      const deny = [
        'when',
        'header',
        ':path',
        '/deny',
        [['recall', 0], ['local', 403, 'no'], ['self']],
      ] as const;
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe({ requestHeaders: [hold, deny] }) },
      });
      const held = get(port, '/held');
      await until(() => calls(log).length === 1);
      assert.equal((await get(port, '/deny')).body.toString(), 'ok');
      assert.equal((await held).status, 403);
      assert.deepEqual(statuses(log, 'requestHeaders'), [ok, ok, ok]);
    });

    it('not for our own error pages from a failed filter', async t => {
      const upstream = await startUpstream(t);
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: {
          a: probe({ ...mark('a') }, { vmId: 'a' }),
          b: probe({ requestHeaders: [['trap']] }, { vmId: 'b' }),
        },
      });
      const response = await get(port, '/');
      assert.equal(response.status, 503);
      assert.equal(response.body.toString(), '503 service unavailable\n');
      assert.deepEqual(headerValues(response, 'x-seen-by'), []);
      await until(() => calls(log, true).includes('a delete'));
      assert.deepEqual(responses(calls(log)), []);
    });

    it('the first one wins; details are for the log; the body may be rewritten on the way out', async t => {
      const a = probe({
        responseBody: [['setBuffer', 1, 0, ALL, 'rewritten']],
        log: [
          ['getProperty', 'response\0code_details'],
          ['getProperty', 'response\0code'],
        ],
      });
      const { port, log } = await startTestWeir(t, {
        transport,
        filters: { a, b: probe({ requestHeaders: [LOCAL, ['local', 500, 'second']] }) },
      });
      const response = await get(port, '/');
      await finished(log, 2);
      assert.equal(response.status, 403);
      assert.equal(response.body.toString(), 'rewritten');
      assert.deepEqual(
        results(log, 'log').map(e => e.value),
        ['denied', '\x93\x01\0\0\0\0\0\0'],
      );
    });

    it('without a body, to HEAD, and 204: no body and no wrong length', async t => {
      const answer = (path: string, ...local: unknown[]): Op => [
        'when',
        'property',
        'request\0path',
        path,
        [['local', ...local]],
      ];
      const { port } = await startTestWeir(t, {
        transport,
        filters: {
          a: probe({
            requestHeaders: [
              answer('/empty', 200, ''),
              answer('/head', 200, 'four'),
              answer('/204', 204, 'four'),
              answer('/304', 304, 'x'),
            ],
          }),
        },
      });
      const empty = await get(port, '/empty');
      assert.deepEqual([empty.status, empty.body.length, header(empty, 'content-length')], [200, 0, '0']);
      const head = await request(port, 'HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.deepEqual([head.status, header(head, 'content-length')], [200, '4']);
      const client = await openClient(t, port);
      for (const path of ['/204', '/304', '/empty']) {
        client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
        const response = await client.response();
        assert.equal(response.body.length, 0, path);
        if (path === '/204') assert.equal(header(response, 'content-length'), undefined);
      }
    });
  });
}
