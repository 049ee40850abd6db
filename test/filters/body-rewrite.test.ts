import assert from 'node:assert/strict';
import type { OutgoingHttpHeaders } from 'node:http';
import { describe, it } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import { began, probe } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, header, request } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const CONFIG = {
  response: [
    { pattern: 'http://internal\\.example', replacement: 'https://www.example.com' },
    { pattern: '"email":"[^"]*"', replacement: '"email":"***"' },
  ],
  request: [{ pattern: '(?i)(card)=\\d+', replacement: '$1=***' }],
};
const JSON_TYPE = { 'content-type': 'application/json' };

for (const transport of TRANSPORTS) {
  describe(`body-rewrite over ${transport}`, () => {
    const setup = async (
      t: Parameters<typeof startUpstream>[0],
      answer: {
        readonly headers?: OutgoingHttpHeaders;
        readonly parts: readonly (string | Buffer)[];
        readonly status?: number;
        readonly trailer?: string;
      },
      config: unknown = CONFIG,
      limit = '8MiB',
    ) => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(answer.status ?? 200, {
          ...answer.headers,
          ...(answer.trailer === undefined ? {} : { trailer: 'x-t' }),
        });
        for (const part of answer.parts) res.write(part);
        if (answer.trailer !== undefined) res.addTrailers([['x-t', answer.trailer]]);
        res.end();
      });
      const filters = { f: shipped('body-rewrite', config, { limits: { bufferedBody: limit } }) };
      const weir = await startTestWeir(t, { transport, upstreams: [upstream.port], filters });
      return { ...weir, seen: () => upstream.requests[0]! };
    };
    const post = (port: number, body: string, type = 'text/plain', ...lines: string[]) =>
      request(
        port,
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n${lines.map(l => `${l}\r\n`).join('')}\r\n${body}`,
      );

    it('rewrites both bodies, a match across pieces too, and what described the old body goes', async t => {
      const text = '{"url":"http://internal.example/x","email":"a@b"}';
      const digests = { 'content-length': text.length, digest: 'x', 'content-md5': 'x', etag: '"1"' };
      const { port, seen } = await setup(t, {
        headers: { ...JSON_TYPE, ...digests },
        parts: [text.slice(0, 20), text.slice(20)],
      });
      const response = await post(port, 'a=1&Card=1234&card=5');
      assert.equal(seen().body.toString(), 'a=1&Card=***&card=***');
      assert.equal(response.body.toString(), '{"url":"https://www.example.com/x","email":"***"}');
      assert.equal(header(response, 'digest'), undefined);
      assert.equal(header(response, 'content-md5'), undefined);
      assert.equal(header(response, 'etag'), '"1"');
      const length = seen().headers.get('content-length');
      assert.ok(length === undefined || length === '21');
    });

    it('upstreams are asked for plain and whole bodies', async t => {
      const { port, seen } = await setup(t, { headers: JSON_TYPE, parts: ['{}'] });
      await get(port, '/', 'Accept-Encoding: gzip', 'Range: bytes=0-10');
      assert.equal(seen().headers.get('accept-encoding'), 'identity');
      assert.equal(seen().headers.has('range'), false);
    });

    it('leaves alone: encoded, partial, of another type, without a type, empty, HEAD', async t => {
      const text = '"email":"a@b"';
      for (const headers of [
        { ...JSON_TYPE, 'content-encoding': 'gzip' },
        { ...JSON_TYPE, 'content-range': 'bytes 0-3/9' },
        { 'content-type': 'image/png' },
        {},
      ]) {
        const { port } = await setup(t, {
          headers: { ...headers, 'content-length': text.length },
          parts: [text],
        });
        const response = await get(port, '/');
        assert.equal(response.body.toString(), text, JSON.stringify(headers));
        assert.equal(header(response, 'content-length'), String(text.length));
      }
      const empty = await setup(t, { headers: JSON_TYPE, parts: [] });
      assert.equal((await get(empty.port, '/')).body.length, 0);
      const head = await setup(t, { headers: { ...JSON_TYPE, 'content-length': 9 }, parts: [] });
      assert.equal((await request(head.port, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n')).status, 200);
    });

    it('types in any case, with parameters and bytes; identity is no encoding', async t => {
      for (const type of ['APPLICATION/JSON; charset=utf-8', 'text/html', ' text/x\xff']) {
        const { port } = await setup(t, {
          headers: { 'content-type': type, 'content-encoding': ' Identity ' },
          parts: [Buffer.from('"email":"a@b"')],
        });
        assert.equal((await get(port, '/')).body.toString(), '"email":"***"', type);
      }
    });

    it('what is not UTF-8 stays as it is', async t => {
      const bytes = Buffer.from([0xff, 0xfe, 0, 0x80]);
      const { port } = await setup(
        t,
        { headers: JSON_TYPE, parts: [bytes, '"email":"', bytes, '"', bytes] },
        {
          response: [{ pattern: '(?-u)"email":"[^"]*"', replacement: '***' }],
        },
      );
      assert.deepEqual((await get(port, '/')).body, Buffer.concat([bytes, Buffer.from('***'), bytes]));
    });

    it('bodies that trailers follow, both ways', async t => {
      const { port, seen } = await setup(t, {
        headers: JSON_TYPE,
        parts: ['"email":', '"a@b"'],
        trailer: '1',
      });
      const response = await request(
        port,
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ncard=1\r\n1\r\n2\r\n0\r\nx-t: 2\r\n\r\n',
      );
      assert.equal(seen().body.toString(), 'card=***');
      assert.deepEqual(
        seen().trailers.map(s => s.toLowerCase()),
        ['x-t', '2'],
      );
      assert.equal(response.body.toString(), '"email":"***"');
      assert.deepEqual(
        response.trailers.map(([n, v]) => `${n.toLowerCase()}: ${v}`),
        ['x-t: 1'],
      );
    });

    it('maxBodyBytes, before or after: 413 for a request, a response breaks off; never the body as it was', async t => {
      const grow = { pattern: 'x', replacement: 'xxxxxxxxxx' };
      const config = { request: [grow], response: [grow], maxBodyBytes: 100 };
      const { port } = await setup(t, { headers: JSON_TYPE, parts: ['fine'] }, config);
      for (const body of ['y'.repeat(101), 'x'.repeat(11)]) {
        const response = await post(port, body);
        assert.equal(response.status, 413);
        assert.equal(response.body.toString(), 'The body could not be rewritten.\n');
      }
      assert.equal((await post(port, 'x'.repeat(10))).status, 200);
      for (const part of ['y'.repeat(101), 'x'.repeat(11)]) {
        // Its head went out when the filter let it pass: no other answer can follow.
        const other = await setup(t, { headers: JSON_TYPE, parts: [part] }, config);
        const client = await openClient(t, other.port);
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await client.untilClosed();
        assert.ok(!client.received.includes(part[0]!.repeat(5)));
      }
    });

    it('more than limits.bufferedBody is refused by the host: 413, or an end', async t => {
      const { port } = await setup(t, { headers: JSON_TYPE, parts: ['y'.repeat(5000)] }, CONFIG, '1KiB');
      const chunked = (body: string) =>
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      assert.equal((await request(port, chunked('y'.repeat(3000)))).status, 413);
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await until(() => client.received.length > 0 || client.closed, 'an end');
      assert.ok(!client.received.includes('yyyy'));
    });

    it('an upstream that answers before the request has come whole gets around nothing', async t => {
      const upstream = await startUpstream(
        t,
        (req, res) => {
          res.writeHead(200, JSON_TYPE);
          res.write('"email":');
          req.on('end', () => res.end('"a@b"')).resume();
        },
        { early: true },
      );
      const watch = probe({}, { variant: 'headers' });
      const filters = { watch, f: shipped('body-rewrite', { response: CONFIG.response }) };
      const { port, log } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters });
      const client = await openClient(t, port);
      client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n');
      await began(log, 'responseHeaders');
      client.send('1\r\ny\r\n0\r\n\r\n');
      assert.equal((await client.response()).body.toString(), '"email":"***"');
    });
  });
}

describe('body-rewrite', () => {
  it('a wrong configuration is refused at start, with its reason', async () => {
    const rule = { pattern: 'a', replacement: 'b' };
    await assertRefused('body-rewrite', [
      [undefined, /body-rewrite: wrong configuration/],
      [{}, /nothing to do/],
      [{ response: [] }, /nothing to do/],
      [{ response: rule }, /response/],
      [{ response: ['a'] }, /response\.0: an object with pattern and replacement is needed/],
      [{ response: [rule, { replacement: 'b' }] }, /response\.1\.pattern: a regular expression is needed/],
      [{ response: [{ pattern: '(' }] }, /response\.0\.pattern: .*unclosed group/],
      [{ response: [{ pattern: '(?=a)' }] }, /response\.0\.pattern/],
      [{ response: [{ pattern: '(a{1000}){1000}' }] }, /response\.0\.pattern/],
      [{ response: [{ ...rule, flags: 'i' }] }, /response\.0\.flags: unknown key/],
      [{ response: [rule], contentTypes: 'text/' }, /contentTypes/],
      [{ response: [rule], maxBodyBytes: -1 }, /maxBodyBytes/],
      [{ response: [rule], keepAcceptEncoding: 1 }, /keepAcceptEncoding: true or false/],
    ]);
    await assertStarts('body-rewrite', [
      { request: [{ pattern: 'a' }] },
      { response: [rule], keepAcceptEncoding: true },
    ]);
  });
});
