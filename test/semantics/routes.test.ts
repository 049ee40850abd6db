import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { calls, finished, probe, results } from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

for (const transport of TRANSPORTS) {
  describe(`over ${transport}: a filter that changes request headers can change the route`, () => {
    const setup = async (t: Parameters<typeof startUpstream>[0]) => {
      const one = await startUpstream(t, (_req, res) => res.end('one'));
      const two = await startUpstream(t, (_req, res) => res.end('two'));
      const a = probe(
        {
          requestHeaders: [
            ['when', 'header', ':path', '/by-path', [['replace', 0, ':path', '/two/x?q']]],
            ['when', 'header', ':path', '/by-host', [['replace', 0, ':authority', 'two.example']]],
            ['when', 'header', ':path', '/by-header', [['replace', 0, 'x-to', 'two']]],
            ['when', 'header', ':path', '/by-method', [['replace', 0, ':method', 'DELETE']]],
            ['when', 'header', ':path', '/nowhere', [['replace', 0, ':method', 'BREW']]],
            ['when', 'header', ':path', '/late', [['return', 1]]],
          ],
          requestBody: [
            ['when', 'open', [['return', 1]]],
            ['when', 'end', [['replace', 0, 'x-to', 'two']]],
          ],
          log: [
            ['getProperty', 'route_name'],
            ['getProperty', 'cluster_name'],
          ],
        },
        { allowOnHeadersStopIteration: true },
      );
      const weir = await startTestWeir(t, {
        transport,
        upstreams: [one.port, two.port],
        filters: { a, b: probe() },
        routes: [
          { match: { path: '/two/' }, upstream: 'app2', filters: ['b'] },
          { match: { host: 'two.example' }, upstream: 'app2', filters: ['b'] },
          { match: { headers: { 'x-to': 'two' } }, upstream: 'app2', filters: ['b'] },
          { match: { methods: ['DELETE'] }, upstream: 'app2', filters: ['b'] },
          { match: { methods: ['GET', 'POST'] }, upstream: 'app', filters: ['a'] },
        ],
      });
      return { ...weir, one, two };
    };

    for (const path of ['/by-path', '/by-host', '/by-header', '/by-method']) {
      it(`${path}: the upstream is chosen again, the filters stay`, async t => {
        const { port, log, one, two } = await setup(t);
        assert.equal((await get(port, path)).body.toString(), 'two');
        await finished(log, 1);
        assert.equal(one.requests.length, 0);
        assert.equal(two.requests[0]?.url, path === '/by-path' ? '/two/x?q' : path);
        assert.ok(!calls(log).some(c => c.startsWith('b ')));
        assert.equal(results(log, 'log')[1]?.value, 'app2');
      });
    }

    it('changed as late as the body callback that lets the headers go', async t => {
      const { port, one, two } = await setup(t);
      const response = await request(port, 'POST /late HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
      assert.equal(response.body.toString(), 'two');
      assert.equal(one.requests.length, 0);
      assert.equal(two.requests[0]?.body.toString(), 'body');
    });

    it('no route any more: 404', async t => {
      const { port, log, one, two } = await setup(t);
      const response = await get(port, '/nowhere');
      assert.equal(response.status, 404);
      assert.equal(response.body.toString(), '404 no route\n');
      assert.equal(one.requests.length + two.requests.length, 0);
      await finished(log, 1);
    });

    it('unchanged: the route stays', async t => {
      const { port } = await setup(t);
      assert.equal((await get(port, '/plain')).body.toString(), 'one');
    });
  });
}
