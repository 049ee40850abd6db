import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openClient, startProxy } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { header } from '../support/raw-client.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

it('at a stop, a request on its way in a connection that was kept is answered; then the connection ends', async t => {
  const proxy = await startProxy(t, TRANSPORTS[0]!, { endpoints: ['echo'] });
  const [busy, idle] = [await openClient(t, proxy.port), await openClient(t, proxy.port)];
  for (const client of [busy, idle]) {
    client.send(GET);
    assert.equal(header(await client.response(), 'connection'), 'keep-alive');
  }
  const closing = proxy.close(60_000);
  busy.send(GET);
  const answer = await busy.response();
  assert.deepEqual([answer.status, header(answer, 'connection')], [200, 'close']);
  await busy.untilClosed();
  await idle.untilClosed();
  await closing;
});
