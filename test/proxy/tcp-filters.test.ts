import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TcpPluginChain } from '../../src/chain/tcp-chain.ts';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import type { ForeignFunction } from '../../src/plugin/services.ts';
import { type Puppet, type Rig, rig, type Script } from '../support/guest.ts';
import { FakeServices } from '../support/services.ts';
import { openPeer, startTcpProxy, startTcpUpstream } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';

const DOWN = 2;
const UP = 3;
const PAUSE = 1;

const chainOf = (r: Rig) => new TcpPluginChain([r.start({ limits: { bufferedBody: 65_536 } })], r.log);
const set = (p: Puppet, type: number, text: string) =>
  p.call('proxy_set_buffer_bytes', type, 0, 0xffffffff, ...p.put(text));
const ends = (r: Rig) => r.calls.filter(call => /^(done|log|delete)/.test(call)).map(c => c.split('(')[0]);

describe('filters on real connections', () => {
  it('change what passes, both ways', async t => {
    const r = await rig({
      proxy_on_downstream_data: p => {
        set(p, DOWN, String(p.body(DOWN)).toUpperCase());
      },
      proxy_on_upstream_data: p => {
        set(p, UP, `${p.body(UP)}!`);
      },
    });
    const { port } = await startTcpProxy(t, { chain: chainOf(r) });
    const client = await openPeer(t, port);
    await client.send('hello').untilText('HELLO!');
  });

  it('a filter that waits for the first bytes chooses the upstream by them', async t => {
    const connectTo: ForeignFunction = (args, by) => by.connectTo(args.toString()) || Buffer.alloc(0);
    const services = new FakeServices(new Map([['connect_to', connectTo]]));
    const script: Script = {
      proxy_on_new_connection: () => PAUSE,
      proxy_on_downstream_data: (p, _id, size) => {
        if (size < 5) return PAUSE;
        if (p.body(DOWN) === 'other')
          p.call('proxy_call_foreign_function', ...p.put('connect_to'), ...p.put('other'), 32, 36);
        return 0;
      },
    };
    const r = await rig(script, {}, undefined, services);
    const plugin = r.start({ capabilities: { ...NO_CAPABILITIES, upstreams: ['other'] } });
    const one = await startTcpUpstream(t, peer => peer.send('one'));
    const two = await startTcpUpstream(t, peer => peer.send('two'));
    const { port } = await startTcpProxy(t, {
      chain: new TcpPluginChain([plugin], r.log),
      endpoints: [one.port],
      other: [two.port],
    });
    const first = (await openPeer(t, port)).send('first');
    const other = (await openPeer(t, port)).send('oth');
    await first.untilText('one');
    assert.equal(two.peers.length, 0);
    await other.send('er').untilText('two');
    await (await two.peer()).untilText('other');
  });

  it('a connection waits for the answer of an HTTP call, and goes or is closed by it', async t => {
    const services = new FakeServices();
    const waiting = new Map<number, number>();
    const script: Script = {
      proxy_on_new_connection: (p, id) => {
        const headers = p.pairs([':method', 'GET', ':path', '/', ':authority', 'auth']);
        const body = [0, 0, 0, 0];
        assert.equal(p.call('proxy_http_call', ...p.put('auth'), ...headers, ...body, 1000, 16), 0);
        waiting.set(p.u32(16), id);
        return PAUSE;
      },
      proxy_on_downstream_data: (p, id) => (id === 2 && p.body(DOWN) === 'early' ? PAUSE : 0),
      proxy_on_http_call_response: (p, _root, call) => {
        const id = waiting.get(call)!;
        assert.equal(p.call('proxy_set_effective_context', id), 0);
        const what = id === 2 ? 'proxy_continue_stream' : 'proxy_close_stream';
        assert.equal(p.call(what, DOWN), 0);
      },
    };
    const r = await rig(script, {}, undefined, services);
    const plugin = r.start({ capabilities: { ...NO_CAPABILITIES, upstreams: ['auth'] } });
    const { port, listener } = await startTcpProxy(t, { chain: new TcpPluginChain([plugin], r.log) });
    const good = await openPeer(t, port);
    await until(() => services.calls.length === 1, 'the first call');
    const bad = await openPeer(t, port);
    await until(() => services.calls.length === 2, 'the second call');
    good.send('early');
    await until(() => r.calls.includes('downstream_data(2,5,0)'));
    for (const { handler } of services.calls) {
      handler.onHeaders(200, []);
      handler.onEnd([]);
    }
    await good.untilText('early');
    await bad.untilEnded();
    bad.end();
    await until(() => listener.active === 1, 'the refused one to be forgotten');
    r.check();
  });

  it('an endless loop costs its connection: it is reset, and the next one is served', async t => {
    const r = await rig({
      proxy_on_downstream_data: p => (p.body(DOWN) === 'spin' ? p.call('spin') : 0),
    });
    const plugin = r.start({ limits: { callTime: 50 } });
    const { port, log } = await startTcpProxy(t, { chain: new TcpPluginChain([plugin], r.log) });
    const client = (await openPeer(t, port)).send('spin');
    await client.untilClosed();
    assert.equal(client.error, 'ECONNRESET');
    assert.match(log.at('warn')[0]!.message, /filter failed/);
    await (await openPeer(t, port)).send('fine').untilText('fine');
    assert.equal(plugin.counters.limitHits.callTime, 1);
  });

  it('who closed what: the client', async t => {
    const r = await rig();
    const { port, listener } = await startTcpProxy(t, { chain: chainOf(r) });
    const client = (await openPeer(t, port)).send('x');
    await client.untilText('x');
    client.end();
    await until(() => listener.active === 0, 'the connection to be forgotten');
    const closes = r.calls.filter(call => call.includes('connection_close')).sort();
    assert.deepEqual(closes, ['downstream_connection_close(2,2)', 'upstream_connection_close(2,1)']);
    assert.deepEqual(ends(r), ['done', 'log', 'delete']);
  });

  it('who closed what: the upstream', async t => {
    const r = await rig();
    const upstream = await startTcpUpstream(t, peer => peer.end());
    const { port, listener } = await startTcpProxy(t, { chain: chainOf(r), endpoints: [upstream.port] });
    const client = await openPeer(t, port);
    await client.untilEnded();
    client.end();
    await until(() => listener.active === 0, 'the connection to be forgotten');
    const closes = r.calls.filter(call => call.includes('connection_close')).sort();
    assert.deepEqual(closes, ['downstream_connection_close(2,1)', 'upstream_connection_close(2,2)']);
  });

  it('a filter that closes: the client gets what was sent before', async t => {
    const r = await rig({
      proxy_on_upstream_data: p => (p.body(UP) === 'stop' ? p.call('proxy_close_stream', UP) : 0),
    });
    const { port, listener } = await startTcpProxy(t, { chain: chainOf(r) });
    const client = (await openPeer(t, port)).send('go');
    await client.untilText('go');
    client.send('stop');
    await client.untilEnded();
    assert.equal(client.text, 'go');
    client.end();
    await until(() => listener.active === 0, 'the connection to be forgotten');
    assert.equal(client.error, '');
    assert.deepEqual(ends(r), ['done', 'log', 'delete']);
  });

  it('what a filter still holds when the upstream is gone reaches the client', async t => {
    const r = await rig({ proxy_on_upstream_data: () => PAUSE });
    const upstream = await startTcpUpstream(t, peer => peer.send('late').end());
    const { port, listener } = await startTcpProxy(t, { chain: chainOf(r), endpoints: [upstream.port] });
    const client = (await openPeer(t, port)).end();
    await until(() => r.calls.some(call => call.startsWith('upstream_connection_close')));
    r.puppet.guest.setEffectiveContext(2);
    assert.equal(r.puppet.guest.host.continueStream(UP), 0);
    await client.untilEnded();
    assert.equal(client.text, 'late');
    await until(() => listener.active === 0, 'the connection to be forgotten');
  });

  it('a filter that never resumes: its limit stops the sender, its time ends the connection', async t => {
    const r = await rig({ proxy_on_downstream_data: () => PAUSE });
    const plugin = r.start({ limits: { bufferedBody: 65_536, pauseTime: 200 } });
    const { port, listener } = await startTcpProxy(t, { chain: new TcpPluginChain([plugin], r.log) });
    const client = await openPeer(t, port);
    client.socket.write(Buffer.alloc(32 * 1024 * 1024));
    await client.untilClosed();
    await until(() => listener.active === 0, 'the connection to be forgotten');
    assert.ok(listener.counts.bytes[0] < 1024 * 1024, `${listener.counts.bytes[0]} bytes were read`);
    assert.equal(plugin.counters.limitHits.pauseTime, 1);
    assert.deepEqual(ends(r), ['done', 'log', 'delete']);
  });
});
