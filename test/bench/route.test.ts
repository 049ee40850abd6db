import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routeOf } from '../../src/bench/route.ts';
import { loadConfigText } from '../../src/config/load.ts';

const config = loadConfigText(
  JSON.stringify({
    listeners: [
      {
        address: '127.0.0.1:0',
        routes: [
          { name: 'api', match: { path: '/api/', methods: ['POST'] }, upstream: 'app' },
          { name: 'site', match: { host: 'www.example.com' }, upstream: 'app' },
        ],
      },
      {
        address: '127.0.0.1:0',
        routes: [{ name: 'beta', match: { headers: { 'x-beta': true } }, upstream: 'app' }],
      },
    ],
    upstreams: { app: { endpoints: ['builtin:echo'] } },
  }),
  'some.yaml',
);

test('the route that takes a request, by path, method, host and fields, of any listener', () => {
  assert.equal(routeOf(config, { path: '/api/x', method: 'POST' }).route.name, 'api');
  assert.equal(routeOf(config, { path: '/', headers: { Host: 'www.example.com' } }).route.name, 'site');
  const { listener, route } = routeOf(config, { path: '/', headers: { 'x-beta': '1' } });
  assert.deepEqual([listener.name, route.name], ['listener-2', 'beta']);
});

test('when none does, the error has those there are', () => {
  assert.throws(() => routeOf(config, { path: '/api/x' }), {
    code: 'BENCH_FAILED',
    message:
      'some.yaml: no route takes GET /api/x; --route, --method and --header say what is sent. There are: ' +
      'api (POST, prefix /api/); site (host www.example.com); beta (headers x-beta)',
  });
});
