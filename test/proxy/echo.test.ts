import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EchoServer, startEcho } from '../../src/proxy/echo.ts';
import { acceptKey } from '../../src/proxy/echo-websocket.ts';
import { get, header, headerValues, request } from '../support/raw-client.ts';
import { ACCEPT, frame, KEY, openWebSocket, readFrame } from '../support/websocket.ts';

describe('builtin:echo', () => {
  let echo: EchoServer;
  before(async () => {
    echo = await startEcho();
  });
  after(() => echo.close());

  it('tells what it received', async () => {
    const response = await request(
      echo.port,
      'POST /a/b?x=1&y HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n\xc3\xa4ok\r\n0\r\nX-T: 1\r\n\r\n',
    );
    assert.equal(header(response, 'content-type'), 'application/json');
    const seen = JSON.parse(response.body.toString());
    assert.equal(seen.method, 'POST');
    assert.equal(seen.path, '/a/b');
    assert.equal(seen.query, 'x=1&y');
    assert.deepEqual(seen.headers['x-a'], ['1', '2']);
    assert.deepEqual(seen.rawHeaders[1], ['X-A', '1']);
    assert.deepEqual(seen.trailers, { 'x-t': ['1'] });
    assert.equal(seen.body, 'äok');
    assert.equal(seen.bodySize, 4);
  });

  it('tells a body that is no text in base64', async () => {
    const response = await request(
      echo.port,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\x00',
    );
    const seen = JSON.parse(response.body.toString());
    assert.equal(seen.bodyEncoding, 'base64');
    assert.equal(seen.body, '/wA=');
  });

  it('answers as the query says', async () => {
    const response = await get(
      echo.port,
      '/?status=503&header=x-a:1&header=x-a:2&trailer=x-t:3&delay=5&size=10&chunk=4&drip=1',
    );
    assert.equal(response.status, 503);
    assert.deepEqual(headerValues(response, 'x-a'), ['1', '2']);
    assert.deepEqual(response.trailers, [['x-t', '3']]);
    assert.equal(response.body.length, 10);
    assert.equal(header(response, 'content-type'), 'text/plain');
    const plain = await get(echo.port, '/?size=100000');
    assert.equal(header(plain, 'content-length'), '100000');
    assert.equal(plain.body.length, 100_000);
  });

  it('keeps to bounds', async () => {
    assert.equal((await get(echo.port, '/?status=99&size=-5&chunk=0')).status, 200);
    assert.equal((await get(echo.port, '/?status=x&delay=x')).status, 200);
    assert.equal((await get(echo.port, '/?status=700')).status, 599);
  });

  it('echoes WebSocket messages', async t => {
    assert.equal(acceptKey(KEY), ACCEPT);
    const { client, response } = await openWebSocket(echo.port);
    t.after(() => client.close());
    assert.equal(header(response, 'sec-websocket-accept'), ACCEPT);
    const bytes = frame(1, 'in pieces');
    client.send(bytes.subarray(0, 3));
    client.send(bytes.subarray(3));
    assert.equal((await readFrame(client)).payload.toString(), 'in pieces');
    // A frame without a mask is a protocol error.
    client.send(Buffer.from([0x81, 1, 65]));
    const close = await readFrame(client);
    assert.equal(close.opcode, 8);
    assert.equal(close.payload.readUInt16BE(), 1002);
    await client.untilClosed();
  });
});
