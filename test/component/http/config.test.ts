import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../../support/fixtures.ts';
import { get, header, request } from '../../support/raw-client.ts';
import { startTestWeir } from '../../support/weir.ts';

const GREETER = 'filters/rust/http-greeter/http-greeter.wasm';
const CASES = 'test/component/fixtures/http-cases/http-cases.wasm';
const HEADERS = 'filters/rust/add-header/add-header.wasm';
const MODULE = { module: HEADERS, config: { response: { set: { 'x-module': '1' } } } };
const capabilities = { clocks: ['monotonic', 'wall'], random: true } as const;

describe('a handler in a configuration', () => {
  it('stands in a chain, before and behind a Proxy-Wasm module', async t => {
    const upstream = await startUpstream(t);
    for (const order of [
      ['module', 'greeter'],
      ['greeter', 'module'],
    ]) {
      const all = { module: MODULE, greeter: { module: GREETER } };
      const filters = Object.fromEntries(order.map(name => [name, all[name as keyof typeof all]]));
      const { port } = await startTestWeir(t, { filters: filters as never, upstreams: [upstream.port] });
      const forwarded = await get(port, '/x');
      assert.equal(forwarded.body.toString(), 'ok');
      assert.equal(header(forwarded, 'x-greeter'), 'response');
      const own = await get(port, '/hello');
      assert.equal(own.body.toString(), 'hello, world\n');
    }
  });

  it('sends requests to upstreams that it was granted, by name or endpoint; to no others', async t => {
    const other = await startUpstream(t, (_req, res) => {
      res.writeHead(200, { 'x-other': '1' });
      res.end('other');
    });
    const third = await startUpstream(t);
    const filters = { cases: { module: CASES, capabilities: { ...capabilities, upstreams: ['app2'] } } };
    const routes = [{ upstream: 'app', filters: ['cases'] }];
    const { port, log, running } = await startTestWeir(t, {
      filters: filters as never,
      upstreams: ['echo', other.port, third.port],
      routes,
    });
    for (const authority of ['app2', `127.0.0.1:${other.port}`]) {
      const response = await request(
        port,
        `POST /to/${authority} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`,
      );
      assert.equal(response.body.toString(), 'other');
      assert.equal(header(response, 'x-other'), '1');
      const seen = other.requests.at(-1);
      assert.equal(seen?.body.toString(), 'hello');
      assert.equal(seen?.headers.get('host'), authority);
    }
    for (const authority of ['app3', `127.0.0.1:${third.port}`, 'example.com']) {
      assert.equal((await get(port, `/to/${authority}`)).body.toString(), '502 HTTP-request-denied\n');
    }
    assert.equal(third.requests.length, 0);
    assert.equal(log.at('warn').filter(({ message }) => message.startsWith('denied: ')).length, 3);
    assert.match(await running.metrics(), /filter_vms\{filter="cases"\} [1-9]/);
  });

  it('does not let its client choose between the chain and a granted upstream', async t => {
    const app = await startUpstream(t);
    const auth = await startUpstream(t);
    const filters = { cases: { module: CASES, capabilities: { ...capabilities, upstreams: ['app2'] } } };
    const routes = [{ upstream: 'app', filters: ['cases'] }];
    const options = { filters: filters as never, upstreams: [app.port, auth.port], routes };
    const { port, log } = await startTestWeir(t, options);
    const as = (host: string, path: string) =>
      request(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.equal((await as('a', '/to/app2')).status, 200);
    assert.deepEqual([app.requests.length, auth.requests.length], [0, 1]);
    // Down the chain it would get another's answer.
    for (const [host, path] of [
      ['app2', '/to/app2'],
      ['APP2', '/to/app2'],
      [`127.0.0.1:${auth.port}`, `/to/127.0.0.1:${auth.port}`],
    ] as const)
      assert.equal((await as(host, path)).body.toString(), '502 HTTP-request-denied\n');
    // And a second one doesn't go to an upstream that the client named.
    assert.match((await as('app2', '/twice')).body.toString(), /^false Err/);
    assert.deepEqual([app.requests.length, auth.requests.length], [0, 1]);
    const denied = log.at('warn').filter(({ message }) => message.startsWith('denied: '));
    assert.match(
      denied[0]!.message,
      /a request to app2, a granted upstream that the client named as its host/,
    );
  });

  it('is refused at start for what it was not granted', async t => {
    const filters = { cases: { module: CASES } };
    await assert.rejects(startTestWeir(t, { filters }), /monotonic/);
  });

  it('is refused with a configuration that it could not read', async t => {
    const filters = { greeter: { module: GREETER, config: 'x' } };
    await assert.rejects(startTestWeir(t, { filters }), /no way to read config/);
  });
});
