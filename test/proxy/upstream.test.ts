import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Upstream } from '../../src/proxy/upstream.ts';

async function start(count: number): Promise<Upstream> {
  const upstream = new Upstream(
    {
      name: 'u',
      endpoints: Array.from({ length: count }, (_, i) => ({
        url: `http://127.0.0.1:${i + 1}`,
        kind: 'http' as const,
        host: '127.0.0.1',
        port: i + 1,
      })),
      transport: 'undici',
      timeouts: { connect: 1, response: 1, idle: 1 },
      connections: 1,
    },
    65_536,
  );
  await upstream.start();
  return upstream;
}

const ports = (upstream: Upstream, n: number) => Array.from({ length: n }, () => upstream.pick()?.info.port);

describe('upstream', () => {
  it('takes endpoints in turn', async () => {
    const upstream = await start(3);
    assert.deepEqual(ports(upstream, 5), [1, 2, 3, 1, 2]);
    await upstream.close();
  });

  it('puts an endpoint that refused last', async () => {
    const upstream = await start(3);
    upstream.refused(upstream.endpoints[1]!);
    assert.deepEqual(ports(upstream, 4), [1, 3, 1, 3]);
    for (const endpoint of upstream.endpoints) upstream.refused(endpoint);
    assert.notEqual(upstream.pick(), undefined);
    await upstream.close();
  });

  it('gives an endpoint its turn again after a while', async t => {
    const upstream = await start(2);
    upstream.refused(upstream.endpoints[0]!);
    assert.deepEqual(ports(upstream, 2), [2, 2]);
    const now = performance.now();
    t.mock.method(performance, 'now', () => now + 60_000);
    assert.deepEqual(ports(upstream, 4).sort(), [1, 1, 2, 2]);
    await upstream.close();
  });

  it('leaves out what was tried', async () => {
    const upstream = await start(2);
    const [one, two] = upstream.endpoints;
    assert.equal(upstream.pick([one!]), two);
    assert.equal(upstream.pick([one!, two!]), undefined);
    const single = await start(1);
    assert.equal(single.pick([single.endpoints[0]!]), undefined);
    await upstream.close();
    await single.close();
    assert.equal(upstream.pick(), undefined);
  });
});
