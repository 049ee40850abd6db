import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { UpstreamConfig } from '../../src/config/types.ts';
import { Upstream } from '../../src/proxy/upstream.ts';
import { ProxyUpstreams } from '../../src/runtime/upstreams.ts';
import { openClient, startProxy, startUpstream } from '../support/fixtures.ts';
import { rig, type Script } from '../support/guest.ts';
import { CALLS_GRANTED, httpCall } from '../support/http-calls.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { get } from '../support/raw-client.ts';
import { FakeServices } from '../support/services.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const [PAUSE, OK] = [1, 0];

class HttpServices extends FakeServices {
  override readonly upstreams: ProxyUpstreams;

  constructor(upstreams: ProxyUpstreams) {
    super();
    this.upstreams = upstreams;
  }
}

type Respond = NonNullable<Parameters<typeof startUpstream>[1]>;

/** A proxy with one filter that follows the script, and a server that it may call. */
async function setUp(
  t: TestContext,
  transport: TransportName,
  script: Script,
  respond?: Respond,
  dead = false,
) {
  const auth = await startUpstream(t, respond);
  const port = dead ? await closedPort() : auth.port;
  const config: UpstreamConfig = {
    name: 'auth',
    endpoints: [{ url: `http://127.0.0.1:${port}`, kind: 'http', host: '127.0.0.1', port }],
    transport,
    timeouts: { connect: 2000, response: 10_000, idle: 10_000 },
    connections: 8,
  };
  const upstream = new Upstream(config, 64 * 1024);
  await upstream.start();
  t.after(() => upstream.close());
  const services = new HttpServices(new ProxyUpstreams(new Map([['auth', upstream]])));
  const r = await rig(script, {}, undefined, services);
  const plugin = r.start(CALLS_GRANTED);
  t.after(() => plugin.close());
  const app = await startUpstream(t);
  const proxy = await startProxy(t, transport, { endpoints: [app.port], chain: r.chain(plugin) });
  return { r, plugin, auth, app, port: proxy.port };
}

/** Asks with the path of the request; goes on with the answer as a field, or answers 500 when there is none. */
function asking(change: Parameters<typeof httpCall>[1] = {}): Script {
  const waiting = new Map<number, number>();
  return {
    proxy_on_request_headers: (p, context) => {
      const path = String(p.header(0, ':path'));
      const headers = [':method', 'POST', ':path', path, ':authority', 'auth.example'];
      waiting.set(httpCall(p, { headers, body: `for ${path}`, ...change }), context);
      return PAUSE;
    },
    proxy_on_http_call_response: (p, _root, call, count) => {
      assert.equal(p.call('proxy_set_effective_context', waiting.get(call)!), OK);
      if (count === 0) p.respond(500, 'no answer');
      else {
        p.setHeader(0, 'x-answer', `${p.header(6, ':status')} ${p.body(4)}`);
        assert.equal(p.call('proxy_continue_stream', 0), OK);
      }
    },
  };
}

for (const transport of TRANSPORTS) {
  test(`requests wait for their calls, many at once, answers in any order (${transport})`, async t => {
    const { r, plugin, auth, app, port } = await setUp(t, transport, asking(), (req, res, seen) => {
      // The later ones first.
      const n = Number(req.url!.slice(1));
      setTimeout(() => res.writeHead(210 + n).end(`you said ${seen.body}`), 50 - n);
    });
    const all = Array.from({ length: 40 }, (_, i) => get(port, `/${i}`));
    for (const { status } of await Promise.all(all)) assert.equal(status, 200);
    const got = app.requests.map(({ url, headers }) => `${url} ${headers.get('x-answer')}`);
    assert.deepEqual(
      got.sort(),
      Array.from({ length: 40 }, (_, i) => `/${i} ${210 + i} you said for /${i}`).sort(),
    );
    assert.deepEqual(auth.requests[0]!.headers.get('host'), 'auth.example');
    r.check();
    assert.equal(plugin.counters.calls, 0);
  });

  test(`a server that is not there, and one that does not answer in time (${transport})`, async t => {
    const dead = await setUp(t, transport, asking(), undefined, true);
    assert.equal((await get(dead.port, '/')).status, 500);
    const slow = await setUp(t, transport, asking({ timeout: 50 }), () => {});
    assert.equal((await get(slow.port, '/')).status, 500);
    await until(() => slow.auth.requests[0]?.aborted === true, 'the call to be given up');
    for (const { r, plugin } of [dead, slow]) {
      r.check();
      assert.equal(plugin.counters.calls, 0);
    }
  });

  test(`a client that goes while its stream waits takes the call along (${transport})`, async t => {
    const { r, plugin, auth, port } = await setUp(t, transport, asking(), () => {});
    const client = await openClient(t, port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => auth.requests.length === 1, 'the call');
    client.close();
    await until(() => auth.requests[0]!.aborted, 'the call to be given up');
    await until(() => plugin.counters.calls === 0, 'nothing under way');
    assert.equal(r.calls.filter(call => call.startsWith('http_call_response(1,1,0,0,0)')).length, 1);
  });

  test(`calls of ticks go out, and the plugin's end takes them along (${transport})`, async t => {
    const answers: string[] = [];
    const { plugin, auth } = await setUp(
      t,
      transport,
      {
        proxy_on_configure: p => void p.call('proxy_set_tick_period_milliseconds', 5),
        proxy_on_tick: p => void httpCall(p),
        proxy_on_http_call_response: p => void answers.push(String(p.body(4))),
      },
      (_req, res) => {
        if (auth.requests.length <= 3) res.end(`tick ${auth.requests.length}`);
      },
    );
    await until(() => answers.length === 3 && auth.requests.length > 3, 'ticks');
    assert.deepEqual(answers.sort(), ['tick 1', 'tick 2', 'tick 3']);
    plugin.close();
    assert.equal(plugin.counters.calls, 0);
    await until(() => auth.requests.slice(3).every(({ aborted }) => aborted), 'calls to be given up');
  });

  test(`whatever a guest asks for, the VM lives, and the request is whole or not sent (${transport})`, async t => {
    const base = [':method', 'GET', ':path', '/x', ':authority', 'a'];
    const odd: [what: string, change: Parameters<typeof httpCall>[1]][] = [
      ['framing of its own', { headers: [...base, 'content-length', '99', 'transfer-encoding', 'chunked'] }],
      ['hop-by-hop', { headers: [...base, 'connection', 'x-a', 'upgrade', 'h2c', 'x-a', '1'] }],
      ['expect', { headers: [...base, 'expect', '100-continue'], body: 'b' }],
      ['its own host', { headers: [...base, 'host', 'other'] }],
      ['two lengths', { headers: [...base, 'content-length', '1', 'content-length', '2'], body: 'bb' }],
      ['asterisk', { headers: [':method', 'OPTIONS', ':path', '*', ':authority', 'a'] }],
      ['HEAD with a body', { headers: [':method', 'HEAD', ...base.slice(2)], body: 'b' }],
      ['GET with trailers', { trailers: ['x-t', '1', 'content-length', '5', 'transfer-encoding', 'x'] }],
      ['a method of its own', { headers: [':method', 'brew!', ...base.slice(2)] }],
      ['bytes', { headers: [...base, 'x-b', '\x80\xff\t '], body: Buffer.alloc(1024, 0xff) }],
      ['keep-alive', { headers: [...base, 'keep-alive', 'timeout=5', 'proxy-connection', 'close'] }],
      [
        'a path with all there is',
        { headers: [':method', 'GET', ':path', '/\x80?\'"<>\\^`{|}%00', ...base.slice(4)] },
      ],
    ];
    let ended = 0;
    const ids: number[] = [];
    const { r, plugin, auth, port } = await setUp(
      t,
      transport,
      {
        proxy_on_request_headers: p => {
          for (const [, change] of odd) ids.push(httpCall(p, change));
        },
        proxy_on_http_call_response: () => {
          ended++;
        },
      },
      (req, res) => res.end(req.method),
    );
    assert.equal((await get(port, '/')).status, 200);
    r.check();
    const made = ids.filter(id => id > 0).length;
    assert.equal(made, odd.length, ids.join());
    await until(() => ended === made, 'all to end');
    assert.deepEqual(
      r.log.texts.filter(text => text.startsWith('error')),
      [],
    );
    assert.equal(plugin.counters.hostFaults + plugin.counters.traps, 0);
    for (const { headers, rawHeaders, complete } of auth.requests) {
      assert.equal(complete, true);
      const names = rawHeaders.filter((_, i) => i % 2 === 0).map(name => name.toLowerCase());
      assert.equal(names.filter(name => name === 'host').length, 1);
      assert.ok(names.filter(name => name === 'content-length').length <= 1);
      assert.ok(!(headers.has('content-length') && headers.has('transfer-encoding')));
      for (const name of ['upgrade', 'expect', 'proxy-connection']) assert.ok(!headers.has(name), name);
    }
    assert.ok(auth.requests.length >= odd.length - 2, String(auth.requests.length));
  });
}
