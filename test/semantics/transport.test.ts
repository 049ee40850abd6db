import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream, startUpstream } from '../support/fixtures.ts';
import { finished, probe } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

for (const transport of TRANSPORTS) {
  describe(`chains over ${transport}`, () => {
    for (const filters of [{}, { a: probe() }]) {
      const what = Object.keys(filters).length === 0 ? 'without filters' : 'through a filter';
      it(`${what}: a response head goes out when it came, not with the first byte of a body that may take its time`, async t => {
        const lines = ['HTTP/1.1 200 OK', 'X-Name: caf\xe9', 'Transfer-Encoding: chunked'];
        const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
        const upstream = await startRawUpstream(t, socket => socket.write(head));
        const { port } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters });
        const client = await openClient(t, port);
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await until(() => client.received.includes('\r\n\r\n'), 'the head', 500);
        assert.match(client.received.toString('latin1'), /^X-Name: caf\xe9\r$/im);
        upstream.sockets[0]!.write('2\r\nok\r\n0\r\n\r\n');
        assert.equal((await client.response()).body.toString(), 'ok');
      });

      it(`${what}: a head and a body that come together go out together`, async t => {
        const upstream = await startRawUpstream(t, socket =>
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'),
        );
        const { port } = await startTestWeir(t, { transport, upstreams: [upstream.port], filters });
        const client = await openClient(t, port);
        const pieces: string[] = [];
        client.socket.on('data', piece => pieces.push(piece.toString()));
        client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        await until(() => client.received.includes('\r\nok\r\n'), 'the body', 500);
        assert.equal(pieces.length, 1);
      });
    }

    it('bodies that wait for a connection leave nothing behind on it', async t => {
      const warnings: string[] = [];
      const note = (warning: Error) => warnings.push(warning.message);
      process.on('warning', note);
      t.after(() => process.off('warning', note));
      const upstream = await startUpstream(t);
      const filters = { a: probe() };
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        connections: 1,
        filters,
      });
      const send = () => request(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
      const responses = await Promise.all(Array.from({ length: 30 }, send));
      assert.ok(responses.every(r => r.status === 200));
      await finished(log, 30);
      assert.deepEqual(warnings, []);
    });
  });
}
