import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { RawClient } from '../support/raw-client.ts';
import { startUpstream, type TestUpstream } from '../support/upstream.ts';

/** Sends bytes; the answer's status must be this, the connection must close and the upstream must see nothing. */
interface Case {
  readonly what: string;
  readonly bytes: string;
  readonly status?: number;
}

const post = (...lines: string[]) => `POST / HTTP/1.1\r\nHost: test\r\n${lines.join('\r\n')}`;

const CASES: readonly Case[] = [
  {
    what: 'Content-Length and Transfer-Encoding',
    bytes: post('Content-Length: 5', 'Transfer-Encoding: chunked', '', '0', '', ''),
  },
  {
    what: 'Transfer-Encoding and Content-Length',
    bytes: post('Transfer-Encoding: chunked', 'Content-Length: 5', '', '0', '', ''),
  },
  {
    what: 'two different Content-Length',
    bytes: post('Content-Length: 5', 'Content-Length: 6', '', 'hello!'),
  },
  { what: 'two equal Content-Length', bytes: post('Content-Length: 5', 'Content-Length: 5', '', 'hello') },
  { what: 'a list in Content-Length', bytes: post('Content-Length: 5, 5', '', 'hello') },
  { what: 'a signed Content-Length', bytes: post('Content-Length: +5', '', 'hello') },
  { what: 'a negative Content-Length', bytes: post('Content-Length: -1', '', '') },
  { what: 'a hexadecimal Content-Length', bytes: post('Content-Length: 0x5', '', 'hello') },
  { what: 'an empty Content-Length', bytes: post('Content-Length:', '', '') },
  { what: 'a huge Content-Length', bytes: post('Content-Length: 99999999999999999999999', '', '') },
  {
    what: 'a Content-Length that is no exact number',
    bytes: post('Content-Length: 9007199254740993', '', ''),
  },
  { what: 'a space before the colon', bytes: post('Content-Length : 5', '', 'hello') },
  { what: 'another transfer coding', bytes: post('Transfer-Encoding: gzip', '', '') },
  { what: 'a second transfer coding', bytes: post('Transfer-Encoding: gzip, chunked', '', '0', '', '') },
  {
    what: 'a transfer coding after chunked',
    bytes: post('Transfer-Encoding: chunked, identity', '', '0', '', ''),
  },
  {
    what: 'chunked twice',
    bytes: post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked', '', '0', '', ''),
  },
  { what: 'a disguised chunked', bytes: post('Transfer-Encoding: xchunked', '', '0', '', '') },
  { what: 'a vertical tab before chunked', bytes: post('Transfer-Encoding: \x0bchunked', '', '0', '', '') },
  { what: 'an empty Transfer-Encoding', bytes: post('Transfer-Encoding:', '', '') },
  { what: 'a folded Transfer-Encoding', bytes: post('Transfer-Encoding:', ' chunked', '', '0', '', '') },
  { what: 'a folded field', bytes: post('X-A: 1', ' 2', '', '') },
  {
    what: 'chunked in HTTP/1.0',
    bytes: 'POST / HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  { what: 'bare line feeds', bytes: 'GET / HTTP/1.1\nHost: test\n\n' },
  { what: 'one bare line feed', bytes: 'GET / HTTP/1.1\r\nHost: test\nX-A: 1\r\n\r\n' },
  {
    what: 'a bare carriage return in a value',
    bytes: 'GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\rX-B: 2\r\n\r\n',
  },
  { what: 'a NUL in a value', bytes: 'GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\x002\r\n\r\n' },
  { what: 'a name that is no token', bytes: 'GET / HTTP/1.1\r\nHost: test\r\nX(A): 1\r\n\r\n' },
  { what: 'an empty name', bytes: 'GET / HTTP/1.1\r\nHost: test\r\n: 1\r\n\r\n' },
  { what: 'a line without colon', bytes: 'GET / HTTP/1.1\r\nHost: test\r\nX-A\r\n\r\n' },
  { what: 'a space before the first field', bytes: 'GET / HTTP/1.1\r\n Host: test\r\n\r\n' },
  { what: 'no Host', bytes: 'GET / HTTP/1.1\r\nX-A: 1\r\n\r\n' },
  { what: 'two Host fields', bytes: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' },
  { what: 'two equal Host fields', bytes: 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n' },
  { what: 'a Host with a path', bytes: 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n' },
  { what: 'a Host with a space', bytes: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n' },
  { what: 'a Host with a user', bytes: 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n' },
  { what: 'a relative target', bytes: 'GET path HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'an empty target', bytes: 'GET  HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'a fragment in the target', bytes: 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'a space in the target', bytes: 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'a tab in the target', bytes: 'GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'a control character in the target', bytes: 'GET /a\x01b HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'DEL in the target', bytes: 'GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'a user in an absolute target', bytes: 'GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'another scheme in an absolute target', bytes: 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'a target of * with GET', bytes: 'GET * HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'an unknown method', bytes: 'G@T / HTTP/1.1\r\nHost: a\r\n\r\n' },
  { what: 'another version', bytes: 'GET / HTTP/3.0\r\nHost: a\r\n\r\n' },
  { what: 'HTTP/2.0 by name', bytes: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', status: 505 },
  { what: 'no HTTP at all', bytes: '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03' },
  { what: 'CONNECT', bytes: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', status: 405 },
  { what: 'an unknown expectation', bytes: post('Expect: 200-ok', 'Content-Length: 5', '', ''), status: 417 },
  {
    what: 'headers over the limit',
    bytes: `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`,
    status: 431,
  },
  {
    what: 'too many headers',
    bytes: `GET / HTTP/1.1\r\nHost: a\r\n${'a:b\r\n'.repeat(1001)}\r\n`,
    status: 431,
  },
];

describe('hygiene of requests', () => {
  let upstream: TestUpstream;
  let proxy: TestProxy;

  before(async () => {
    upstream = await startUpstream();
    proxy = await startProxy('undici', { endpoints: [upstream.port] });
  });

  after(async () => {
    await proxy.close();
    await upstream.close();
  });

  for (const { what, bytes, status = 400 } of CASES) {
    it(`refuses ${what}`, async () => {
      const seen = upstream.requests.length;
      const client = await RawClient.open(proxy.port);
      client.send(bytes);
      const response = await client.response();
      assert.equal(response.status, status);
      assert.match(response.body.toString(), /^\d{3} /);
      await client.untilClosed();
      assert.equal(upstream.requests.length, seen);
      client.close();
    });
  }

  it('refuses a chunk size that is no number, in the body', async () => {
    const client = await RawClient.open(proxy.port);
    client.send(post('Transfer-Encoding: chunked', '', '5', 'hello', 'zz', ''));
    const response = await client.response();
    assert.equal(response.status, 400);
    await client.untilClosed();
    client.close();
  });

  it('refuses framing in trailers', async () => {
    const client = await RawClient.open(proxy.port);
    client.send(post('Transfer-Encoding: chunked', '', '0', 'Content-Length: 3', '', ''));
    assert.equal((await client.response()).status, 400);
    await client.untilClosed();
    client.close();
  });

  it('lets no second request through behind a refused one', async () => {
    const seen = upstream.requests.length;
    const client = await RawClient.open(proxy.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n',
    );
    const text = await client.rest();
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
    assert.equal(upstream.requests.length, seen);
    client.close();
  });

  it('answers pipelined requests in order', async () => {
    const client = await RawClient.open(proxy.port);
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.equal((await client.response()).status, 200);
    client.close();
  });

  it('ends a request whose headers never come to an end', async () => {
    const slow = await startProxy('undici', { endpoints: [upstream.port] }, { headersTimeout: 200 });
    const client = await RawClient.open(slow.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n');
    const response = await client.response();
    assert.equal(response.status, 408);
    await client.untilClosed();
    client.close();
    await slow.close();
  });

  it('takes headers up to 64 KiB', async () => {
    const value = 'a'.repeat(60_000);
    const client = await RawClient.open(proxy.port);
    client.send(`GET /long HTTP/1.1\r\nHost: a\r\nX-Long: ${value}\r\n\r\n`);
    assert.equal((await client.response()).status, 200);
    assert.equal(upstream.requests.at(-1)?.headers.get('x-long'), value);
    client.close();
  });

  it('normalises an absolute target, whose authority goes before Host', async () => {
    const client = await RawClient.open(proxy.port);
    client.send('GET http://one.example:81/a?b=1 HTTP/1.1\r\nHost: two.example\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    const seen = upstream.requests.at(-1);
    assert.equal(seen?.url, '/a?b=1');
    assert.equal(seen?.headers.get('host'), 'one.example:81');
    client.close();
  });

  it('forwards OPTIONS *', async () => {
    const client = await RawClient.open(proxy.port);
    client.send('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.equal(upstream.requests.at(-1)?.url, '*');
    client.close();
  });
});
