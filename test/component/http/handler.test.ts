import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../../support/fixtures.ts';
import { get, header, request } from '../../support/raw-client.ts';
import { GREETER, rig } from './support.ts';

describe('a handler', () => {
  it('answers by itself, and never opens the upstream', async t => {
    const upstream = await startUpstream(t);
    const { port } = await rig(t, { endpoints: [upstream.port] }, { file: GREETER });
    const response = await get(port, '/hello');
    assert.equal(response.status, 200);
    assert.equal(response.body.toString(), 'hello, world\n');
    assert.equal(upstream.requests.length, 0);
  });

  it('forwards a request and its answer', async t => {
    const upstream = await startUpstream(t);
    const { port } = await rig(t, { endpoints: [upstream.port] }, { file: GREETER });
    const response = await request(port, 'POST /x?y=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
    assert.equal(response.status, 200);
    assert.equal(response.body.toString(), 'ok');
    assert.equal(header(response, 'x-greeter'), 'response');
    const [seen] = upstream.requests;
    assert.equal(seen?.url, '/x?y=1');
    assert.equal(seen?.headers.get('x-greeter'), 'request');
    assert.equal(seen?.body.toString(), 'hello');
  });
});
