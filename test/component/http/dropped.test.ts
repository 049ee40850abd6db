import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fields } from '../../../src/component/http/fields.ts';
import { HttpGuest } from '../../../src/component/http/guest.ts';
import type { HandlerHost } from '../../../src/component/http/imports.ts';
import { FutureIncomingResponse } from '../../../src/component/http/incoming.ts';
import { OutgoingRequest, OutgoingResponse } from '../../../src/component/http/outgoing.ts';
import { get } from '../../support/raw-client.ts';
import { rig } from './support.ts';

it('who drops the response of its request can write no more of it', async t => {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.pause();
      setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'), 100);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port: upstream } = server.address() as { port: number };
  const { port } = await rig(t, { endpoints: [upstream] }, { pool: 1 });
  let told: unknown;
  t.mock.method(
    HttpGuest.prototype,
    'handle',
    async function (this: HttpGuest, _line: unknown, _raw: unknown, _body: unknown, host: HandlerHost) {
      const { instance } = this;
      const request = new OutgoingRequest(instance, new Fields(instance));
      request.setMethod({ tag: 'post' });
      const stream = request.body().write();
      const future = new FutureIncomingResponse(instance, host.send(request, undefined));
      future[Symbol.dispose]();
      try {
        for (const end = performance.now() + 5000; performance.now() < end; await sleep(10)) {
          const credit = Number(stream.checkWrite());
          if (credit > 0) stream.write(new Uint8Array(credit));
        }
      } catch (error) {
        told = error;
      }
      host.respond({ tag: 'ok', val: new OutgoingResponse(instance, new Fields(instance)) });
    },
  );
  assert.equal((await get(port, '/')).status, 200);
  assert.deepEqual(told, { tag: 'closed' });
});
