import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RouteMatch } from '../../src/config/types.ts';
import { RequestHeaders } from '../../src/message/headers.ts';
import { hostName, Router } from '../../src/proxy/router.ts';
import { Upstream } from '../../src/proxy/upstream.ts';
import { EMPTY_CHAIN } from '../support/chain.ts';
import { loaded } from '../support/proxy.ts';

const upstream = new Upstream(
  {
    name: 'u',
    endpoints: [],
    transport: 'undici',
    timeouts: { connect: 1, response: 1, idle: 1 },
    connections: 1,
  },
  65_536,
);

/** Names of routes are their place in the list. */
function router(
  ...matches: RouteMatch[]
): (method: string, path: string, authority?: string, raw?: string[]) => string {
  const routes = matches.map((match, i) => ({
    name: String(i),
    config: { name: String(i), match, upstream: 'u', filters: [] },
    chain: loaded(EMPTY_CHAIN),
    upstream,
  }));
  const compiled = new Router(routes);
  return (method, path, authority = 'a', raw = []) =>
    compiled.match(new RequestHeaders(method, path, authority, 'http', raw))?.name ?? 'none';
}

describe('router', () => {
  it('takes the first route that matches', () => {
    const match = router(
      { path: { kind: 'exact', value: '/a' } },
      { path: { kind: 'prefix', value: '/a' } },
      { path: { kind: 'regex', value: '^/b/\\d+$' } },
      {},
    );
    assert.equal(match('GET', '/a'), '0');
    assert.equal(match('GET', '/a?x=1'), '0');
    assert.equal(match('GET', '/ab'), '1');
    assert.equal(match('GET', '/b/12?x'), '2');
    assert.equal(match('GET', '/b/x'), '3');
  });

  it('has no match when there is none', () => {
    assert.equal(router()('GET', '/'), 'none');
    assert.equal(router({ methods: ['GET'] })('POST', '/'), 'none');
  });

  it('needs every condition', () => {
    const match = router({
      host: 'a.example',
      methods: ['GET', 'HEAD'],
      path: { kind: 'prefix', value: '/api/' },
      headers: { 'x-env': 'canary', 'x-any': true },
    });
    const raw = ['X-Env', 'canary', 'X-Any', ''];
    assert.equal(match('GET', '/api/1', 'a.example', raw), '0');
    assert.equal(match('POST', '/api/1', 'a.example', raw), 'none');
    assert.equal(match('GET', '/api', 'a.example', raw), 'none');
    assert.equal(match('GET', '/api/1', 'b.example', raw), 'none');
    assert.equal(match('GET', '/api/1', 'a.example', ['X-Env', 'canary']), 'none');
    assert.equal(match('GET', '/api/1', 'a.example', ['X-Env', 'prod', 'X-Any', '']), 'none');
  });

  it('finds a header value among several', () => {
    const match = router({ headers: { 'x-a': '2' } });
    assert.equal(match('GET', '/', 'a', ['X-A', '1', 'x-a', '2']), '0');
    assert.equal(match('GET', '/', 'a', ['X-A', '1, 2']), 'none');
  });

  it('matches hosts in any case, with any port', () => {
    const match = router({ host: 'a.example' }, { host: '*.example' }, { host: '::1' });
    assert.equal(match('GET', '/', 'A.EXAMPLE:8080'), '0');
    assert.equal(match('GET', '/', 'a.example.'), '0');
    assert.equal(match('GET', '/', 'b.a.example'), '1');
    assert.equal(match('GET', '/', '[::1]:8080'), '2');
    assert.equal(match('GET', '/', 'example'), 'none');
    assert.equal(match('GET', '/', '.example'), 'none');
  });

  it('matches what an upstream may make of a path', () => {
    const match = router({ path: { kind: 'prefix', value: '/admin' } }, {});
    for (const path of [
      '/admin',
      '//admin',
      '/./admin',
      '/x/../admin',
      '/x/%2e%2E/admin',
      '/%61dmin',
      '/x/..//admin/y?z',
      '/../../admin',
      '/x\\..\\admin',
    ]) {
      assert.equal(match('GET', path), '0', path);
    }
    for (const path of [
      '/x/admin',
      '/admi',
      '/x?/../admin',
      '/%2561dmin',
      '/.admin',
      '/admin/..',
      '/..',
      '*',
    ]) {
      assert.equal(match('GET', path), '1', path);
    }
  });

  it('reads the name in an authority', () => {
    assert.equal(hostName('[::1]:80'), '[::1]');
    assert.equal(hostName('A.b.:81'), 'a.b');
    assert.equal(hostName(''), '');
  });
});
