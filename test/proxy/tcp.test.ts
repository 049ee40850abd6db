import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { TcpPluginChain } from '../../src/chain/tcp-chain.ts';
import { WeirError } from '../../src/errors.ts';
import { type Rig, rig } from '../support/guest.ts';
import { openPeer, startTcpProxy, startTcpUpstream } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';

const PAUSE = 1;

const chainOf = (r: Rig) => new TcpPluginChain([r.start({ limits: { bufferedBody: 65_536 } })], r.log);
const ends = (r: Rig) => r.calls.filter(call => /^(done|log|delete)/.test(call)).map(c => c.split('(')[0]);

for (const filtered of [false, true]) {
  describe(`a TCP listener ${filtered ? 'with a filter that looks at everything' : 'without filters'}`, () => {
    const options = async () => (filtered ? { chain: chainOf(await rig()) } : {});

    it('carries bytes both ways, whoever speaks first', async t => {
      const upstream = await startTcpUpstream(t, peer => peer.send('220 hello\r\n'));
      const { port } = await startTcpProxy(t, { ...(await options()), endpoints: [upstream.port] });
      const client = await openPeer(t, port);
      await client.untilText('220 hello\r\n');
      client.send('EHLO \0\xff\r\n');
      await (await upstream.peer()).untilText('EHLO \0\xff\r\n');
    });

    it('half-close: each direction ends by itself', async t => {
      const upstream = await startTcpUpstream(t);
      const { port, listener } = await startTcpProxy(t, {
        ...(await options()),
        endpoints: [upstream.port],
      });
      const client = (await openPeer(t, port)).send('question').end();
      const server = await upstream.peer();
      await server.untilEnded();
      assert.equal(server.text, 'question');
      assert.equal(client.ended, false);
      server.send('answer');
      await client.untilText('answer');
      server.end();
      await client.untilEnded();
      await client.untilClosed();
      assert.equal(client.error, '');
      await until(() => listener.active === 0, 'the connection to be forgotten');
    });

    it('the upstream may end first', async t => {
      const upstream = await startTcpUpstream(t, peer => peer.send('bye').end());
      const { port, listener } = await startTcpProxy(t, {
        ...(await options()),
        endpoints: [upstream.port],
      });
      const client = await openPeer(t, port);
      await client.untilEnded();
      assert.equal(client.text, 'bye');
      client.send('still here');
      await (await upstream.peer()).untilText('still here');
      client.end();
      await until(() => listener.active === 0, 'the connection to be forgotten');
    });

    it('64 MiB both ways through a slow reader: the memory stays flat, every byte arrives', async t => {
      const { port, listener } = await startTcpProxy(t, await options());
      const client = await openPeer(t, port);
      client.socket.removeAllListeners('data');
      const size = 64 * 1024 * 1024;
      const chunk = Buffer.alloc(65_536);
      for (let i = 0; i < chunk.length; i += 4) chunk.writeUInt32LE(i, i);
      let sent = 0;
      let received = 0;
      let wrong = 0;
      const write = () => {
        while (sent < size && client.socket.write(chunk)) sent += chunk.length;
        if (sent < size) sent += chunk.length;
        else client.socket.end();
      };
      client.socket.on('drain', write);
      // Nobody reads for a while: everything has to stop.
      client.socket.pause();
      write();
      let last = -1;
      await until(() => {
        const stalled = sent === last;
        last = sent;
        return stalled && sent > 0;
      }, 'the sender to stop');
      assert.ok(sent < size / 2, `${sent} bytes went out although nobody read`);
      const held = process.memoryUsage().arrayBuffers;
      client.socket.on('data', (data: Buffer) => {
        for (const at of [0, data.length - 1]) {
          if (data[at] !== chunk[(received + at) % chunk.length]) wrong++;
        }
        received += data.length;
      });
      client.socket.resume();
      await until(() => client.ended, 'the end', 60_000);
      assert.deepEqual([received, wrong], [size, 0]);
      assert.ok(process.memoryUsage().arrayBuffers < held + 64 * 1024 * 1024);
      assert.deepEqual(listener.counts.bytes, [size, size]);
    });

    it('a client that resets: the upstream connection goes too', async t => {
      const upstream = await startTcpUpstream(t);
      const { port, listener } = await startTcpProxy(t, {
        ...(await options()),
        endpoints: [upstream.port],
      });
      const client = (await openPeer(t, port)).send('x');
      const server = await upstream.peer();
      await server.untilText('x');
      client.socket.resetAndDestroy();
      await server.untilEnded();
      server.end();
      await until(() => listener.active === 0, 'the connection to be forgotten');
    });

    it('an upstream that resets: the client gets what had come, then the end', async t => {
      const upstream = await startTcpUpstream(t, peer => peer.send('partial'));
      const { port, listener } = await startTcpProxy(t, {
        ...(await options()),
        endpoints: [upstream.port],
      });
      const client = await openPeer(t, port);
      await client.untilText('partial');
      (await upstream.peer()).socket.resetAndDestroy();
      await client.untilEnded();
      client.end();
      await until(() => listener.active === 0, 'the connection to be forgotten');
      assert.equal(client.text, 'partial');
    });

    it('two hundred connections come and go, nothing stays', async t => {
      const { port, listener } = await startTcpProxy(t, await options());
      for (let round = 0; round < 2; round++) {
        const clients = await Promise.all(Array.from({ length: 100 }, () => openPeer(t, port)));
        for (const [i, client] of clients.entries()) client.send(`client ${i}`);
        await Promise.all(clients.map((client, i) => client.untilText(`client ${i}`)));
        assert.equal(listener.active, 100);
        for (const client of clients) client.end();
        await until(() => listener.active === 0, 'all to end');
      }
      assert.equal(listener.counts.connections, 200);
    });

    it('idle connections end; those at work do not', async t => {
      const { port, listener } = await startTcpProxy(t, { ...(await options()), idle: 150 });
      const idle = await openPeer(t, port);
      const busy = await openPeer(t, port);
      await until(() => {
        busy.send('.');
        return idle.ended;
      }, 'the idle one to be closed');
      assert.equal(busy.ended, false);
      busy.end();
      await until(() => listener.active === 0, 'all to end');
    });

    it('drain: nobody new, those that are there may end', async t => {
      const { port, proxy, listener } = await startTcpProxy(t, await options());
      const ending = (await openPeer(t, port)).send('a');
      const staying = (await openPeer(t, port)).send('b');
      await Promise.all([ending.untilText('a'), staying.untilText('b')]);
      const closing = proxy.close({ drain: 300 });
      await assert.rejects(
        openPeer(t, port).then(async peer => {
          await peer.untilClosed();
          if (peer.error !== '') throw new Error(peer.error);
        }),
        /ECONNREFUSED/,
      );
      ending.send('c');
      await ending.untilText('ac');
      ending.end();
      await ending.untilClosed();
      assert.equal(staying.closed, false);
      await closing;
      await staying.untilEnded();
      assert.equal(listener.active, 0);
    });
  });
}

describe('the upstream of a TCP listener', () => {
  /** A port that refuses. */
  async function deadPort(): Promise<number> {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise(resolve => server.close(resolve));
    return port;
  }

  it('one that refuses: the others are tried, and it is avoided', async t => {
    const upstream = await startTcpUpstream(t, peer => peer.send('hi'));
    const dead = await deadPort();
    const { port, upstreams } = await startTcpProxy(t, { endpoints: [dead, upstream.port, dead] });
    for (let i = 0; i < 4; i++) {
      const client = await openPeer(t, port);
      await client.untilText('hi');
    }
    const [first] = upstreams.get('up')!.endpoints;
    assert.ok(first!.avoidUntil > performance.now());
  });

  it('none takes the connection: the client is closed, a line says why, contexts end', async t => {
    const r = await rig();
    const { port, listener, log, upstreams } = await startTcpProxy(t, {
      chain: chainOf(r),
      endpoints: [await deadPort()],
    });
    const client = (await openPeer(t, port)).send('x');
    await client.untilEnded();
    client.end();
    await until(() => listener.active === 0, 'the connection to be forgotten');
    const { message, fields } = log.at('warn').at(-1)!;
    assert.equal(message, 'no connection: ECONNREFUSED');
    assert.equal(fields['endpoint'], upstreams.get('up')!.endpoints[0]!.url);
    assert.equal(listener.counts.failures, 1);
    assert.deepEqual(ends(r), ['done', 'log', 'delete']);
    assert.ok(r.calls.includes('downstream_connection_close(2,1)'));
    assert.ok(!r.calls.some(call => call.startsWith('upstream_connection_close')));
  });

  it('a client that goes before the upstream stands leaves nothing behind', async t => {
    const r = await rig({ proxy_on_new_connection: () => PAUSE });
    const { port, listener } = await startTcpProxy(t, { chain: chainOf(r) });
    const client = await openPeer(t, port);
    await until(() => r.calls.includes('new_connection(2)'));
    client.socket.resetAndDestroy();
    await until(() => listener.active === 0, 'the connection to be forgotten');
    assert.deepEqual(r.calls.slice(-4), [
      'downstream_connection_close(2,2)',
      'done(2)',
      'log(2)',
      'delete(2)',
    ]);
  });
});

it('a port that is taken', async t => {
  const upstream = await startTcpUpstream(t);
  const { proxy, listener } = await startTcpProxy(t, { endpoints: [upstream.port] });
  await proxy.close({ drain: 0 });
  await assert.rejects(listener.listen({ port: upstream.port }), (error: Error) => {
    assert.ok(error instanceof WeirError && error.code === 'LISTEN_FAILED');
    assert.match(error.message, /EADDRINUSE/);
    return true;
  });
});
