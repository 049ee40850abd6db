import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { EmbeddedStore } from '../../src/runtime/store/embedded.ts';
import type { FakeExchange } from '../support/guest-exchange.ts';
import { get } from '../support/raw-client.ts';
import { FakeServices } from '../support/services.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startShipped } from '../support/shipped-plugin.ts';
import { startTestWeir } from '../support/weir.ts';
import type { Task } from './rate-limit-thread.ts';

const statuses = (count: number, send: () => FakeExchange) =>
  Array.from({ length: count }, () => send().response?.status);

/** How many of each key passed, in all threads together. */
async function parallel(threads: number, task: Pick<Task, 'config' | 'keys' | 'requests'>) {
  const store = EmbeddedStore.create();
  const ready = new SharedArrayBuffer(4);
  const workers = Array.from({ length: threads }, (_, i) => {
    const workerData: Task = { ...task, handle: store.handle(i), ready, threads };
    return new Worker(new URL('./rate-limit-thread.ts', import.meta.url), { workerData });
  });
  const results = await Promise.all(
    workers.map(async worker => {
      const [message] = await once(worker, 'message');
      return message as { passed: Record<string, number>; log: string[] };
    }),
  );
  await Promise.all(workers.map(worker => worker.terminate()));
  store.close();
  assert.deepEqual(
    results.flatMap(({ log }) => log),
    [],
  );
  return Object.fromEntries(
    task.keys.map(key => [key, results.reduce((sum, { passed }) => sum + (passed[key] ?? 0), 0)]),
  );
}

describe('rate-limit', () => {
  it('refuses a wrong configuration at start, with the reason', async () => {
    const requests = 10;
    await assertRefused('rate-limit', [
      [undefined, /there is none; a JSON object is needed/],
      ['{', /not JSON/],
      [{}, /requests: how many may pass is needed/],
      [{ requests: 0 }, /requests: 0 is not from 1 to 1000000000/],
      [{ requests: 1.5 }, /requests: a whole number, not negative is needed, not a number/],
      [{ requests, request: 1 }, /request: unknown key; known are requests, per, burst/],
      [{ requests, burst: 0 }, /burst: 0 is not from 1/],
      ...['1', 's', '1 s', '-1s', '1e3s', '0s', '25h', '.5s', '1.s', '1us', '9999999999h'].map(
        per => [{ requests, per }, /per: ".*" is not a duration \(1ms to 24h/] as const,
      ),
      [{ requests, per: 1 }, /per: a string is needed, not a number/],
      [{ requests, key: 'source.port' }, /key: "source\.port" is none of source\.address, route/],
      [{ requests, key: 1 }, /key: a string or an object is needed/],
      [{ requests, key: [{ header: 'a b' }] }, /key\.0\.header: "a b" is not a header name/],
      [{ requests, key: {} }, /key: exactly one of header and property is needed/],
      [{ requests, key: { header: 'a', property: 'b' } }, /key: exactly one of header and property/],
      [{ requests, key: { head: 'a' } }, /key\.head: unknown key; known are header, property/],
      [{ requests, status: 200 }, /status: 200 is not from 400 to 599/],
      [{ requests, headers: 'some' }, /headers: "some" is none of limited, always, never/],
      [{ requests, onError: 'close' }, /onError: "close" is none of allow, deny/],
      [{ requests, maxKeys: 1 }, /maxKeys: 1 is not from 16 to 1048576/],
      [{ requests, name: 'x'.repeat(129) }, /name: more than 128 bytes/],
    ]);
  });

  it('starts with everything that its README says', async () => {
    const requests = 10;
    await assertStarts('rate-limit', [
      { requests },
      {
        requests,
        per: '1.5h',
        burst: 1,
        key: [],
        status: 503,
        headers: 'always',
        onError: 'deny',
        name: 'x',
      },
      { requests, per: '1ms', key: ['route', 'source.address', { header: 'X-Api-Key' }], maxKeys: 16 },
      { requests, per: '24h', key: { property: 'request.host' }, headers: 'never' },
    ]);
  });

  const DAY = { requests: 1, per: '24h' };

  it('a burst, then 429 with what a client has to know; another key is not concerned', async () => {
    const { exchange, plugin, log } = await startShipped('rate-limit', new FakeServices(), {
      ...DAY,
      burst: 3,
      key: { header: 'x-key' },
    });
    assert.deepEqual(
      statuses(4, () => exchange(['x-key', 'a'])),
      [200, 200, 200, 429],
    );
    const { response, events } = exchange(['x-key', 'a']);
    assert.deepEqual(events.slice(0, 2), ['local', '< 429']);
    assert.match(events.at(-1)!, /"error":"too_many_requests"/);
    assert.equal(response?.get('x-ratelimit-limit'), '3');
    assert.equal(response?.get('x-ratelimit-remaining'), '0');
    const reset = Number(response?.get('x-ratelimit-reset'));
    const retryAfter = Number(response?.get('retry-after'));
    assert.ok(reset > 3 * 86_400 - 60 && reset <= 3 * 86_400, String(reset));
    assert.ok(retryAfter > 86_400 - 60 && retryAfter <= 86_400, String(retryAfter));
    const other = exchange(['x-key', 'b']);
    assert.equal(other.response?.status, 200);
    assert.equal(other.response?.get('x-ratelimit-limit'), undefined);
    assert.deepEqual(log.texts, []);
    plugin.close();
  });

  it('tells on every response, or on none', async () => {
    const always = await startShipped('rate-limit', new FakeServices(), {
      ...DAY,
      burst: 2,
      headers: 'always',
    });
    for (const remaining of ['1', '0', '0']) {
      assert.equal(always.exchange().response?.get('x-ratelimit-remaining'), remaining);
    }
    const never = await startShipped('rate-limit', new FakeServices(), {
      ...DAY,
      headers: 'never',
      status: 503,
    });
    assert.deepEqual(statuses(2, never.exchange), [200, 503]);
    const { response } = never.exchange();
    assert.deepEqual(
      [response?.get('x-ratelimit-limit'), response?.get('retry-after')?.length],
      [undefined, 5],
    );
    for (const { plugin } of [always, never]) plugin.close();
  });

  it('keys: addresses, routes, properties, all; a missing or doubled header counts by address', async () => {
    const start = (key: unknown) => startShipped('rate-limit', new FakeServices(), { ...DAY, key });
    const header = await start({ header: 'X-Key' });
    assert.deepEqual(
      [
        [],
        ['x-key', 'a', 'x-key', 'b'],
        ['x-key', 'a'],
        ['X-KEY', 'a'],
        ['x-key', '\xff'],
        ['x-key', ''],
      ].map(raw => header.exchange(raw).response?.status),
      [200, 429, 200, 429, 200, 200],
    );
    const long = ['x-key', 'x'.repeat(60_000)];
    assert.deepEqual(
      statuses(2, () => header.exchange(long)),
      [200, 429],
    );
    for (const key of [
      'source.address',
      'route',
      [],
      ['route', 'source.address'],
      { property: 'request.host' },
    ]) {
      const { exchange, plugin } = await start(key);
      assert.deepEqual(statuses(2, exchange), [200, 429], JSON.stringify(key));
      plugin.close();
    }
    header.plugin.close();
  });

  it('filters of one name share their buckets, others do not', async () => {
    const services = new FakeServices();
    const start = (name: string, config: object = {}) =>
      startShipped('rate-limit', services, { ...DAY, burst: 2, ...config }, { name });
    const all = [await start('a', { name: 'x' }), await start('b', { name: 'x' }), await start('c')];
    assert.deepEqual(
      all.map(({ exchange }) => exchange().response?.status),
      [200, 200, 200],
    );
    assert.deepEqual(
      all.map(({ exchange }) => exchange().response?.status),
      [429, 429, 200],
    );
    for (const { plugin } of all) plugin.close();
  });

  it('counts what it refuses, and what fails', async () => {
    const services = new FakeServices();
    const { exchange, plugin } = await startShipped('rate-limit', services, DAY);
    statuses(3, exchange);
    services.away = true;
    exchange();
    const values = services.cells.map(({ key, value }) => [key.split('\0')[1], value]);
    assert.deepEqual(values, [
      ['rate_limit_limited', 2n],
      ['rate_limit_errors', 1n],
      ['rate_limit_evicted', 0n],
    ]);
    plugin.close();
  });

  it('without shared data: passes, or 503, by onError; a store that comes back is used', async () => {
    for (const [onError, status] of [
      ['allow', 200],
      ['deny', 503],
    ] as const) {
      const services = new FakeServices();
      services.away = true;
      const { exchange, plugin, log } = await startShipped('rate-limit', services, { ...DAY, onError });
      assert.deepEqual(statuses(3, exchange), [status, status, status]);
      assert.match(
        log.texts[0]!,
        /^warn rate-limit: the shared data can't be used \(status 10\); is it granted/,
      );
      services.away = false;
      assert.deepEqual(statuses(3, exchange), [200, 429, 429]);
      plugin.close();
    }
  });

  it('a store that is away for 50 requests: one warning, and one line when it is back', async () => {
    const services = new FakeServices();
    const { exchange, plugin, log } = await startShipped('rate-limit', services, { ...DAY, burst: 9 });
    exchange();
    assert.deepEqual(log.texts, []);
    services.away = true;
    statuses(50, exchange);
    const warning =
      /^warn rate-limit: the store of the shared data can't be reached \(status 10\)\. Requests concerned are let pass$/;
    assert.equal(log.texts.length, 1, log.texts.join('\n'));
    assert.match(log.texts[0]!, warning);
    services.away = false;
    assert.deepEqual(statuses(9, exchange), [...Array(8).fill(200), 429]);
    assert.equal(log.texts.length, 2, log.texts.join('\n'));
    assert.match(log.texts[1]!, /^info rate-limit: the shared data can be used again; 49 more requests/);
    plugin.close();
  });

  it('away from the start: the warning of the start is the only one', async () => {
    const services = new FakeServices();
    services.away = true;
    const { exchange, plugin, log } = await startShipped('rate-limit', services, DAY);
    statuses(50, exchange);
    assert.equal(log.texts.length, 1, log.texts.join('\n'));
    services.away = false;
    exchange();
    assert.match(log.texts[1]!, /^info rate-limit: .* 50 more requests were concerned/);
    plugin.close();
  });

  it('remembers no more buckets than maxKeys, in values that never get larger', async () => {
    const services = new FakeServices();
    const config = { ...DAY, key: { header: 'x-key' }, maxKeys: 64 };
    const { exchange, plugin } = await startShipped('rate-limit', services, config);
    for (let i = 0; i < 1000; i++) assert.equal(exchange(['x-key', String(i)]).response?.status, 200);
    const values = [...services.data.values()].map(({ value }) => value.length);
    assert.deepEqual(
      values.sort((a, b) => a - b),
      [4, 512, 512, 512, 512],
    );
    assert.ok(services.cells.find(({ key }) => key.endsWith('evicted'))!.value > 900n);
    assert.equal(exchange(['x-key', '999']).response?.status, 429);
    plugin.close();
  });

  it('is exact over all workers: threads with VMs of their own, all at once', async () => {
    const config = { ...DAY, burst: 500, key: { header: 'x-key' }, maxKeys: 16 };
    assert.deepEqual(await parallel(3, { config, keys: ['a', 'b'], requests: 400 }), { a: 500, b: 500 });
  });

  for (const workers of [1, 2])
    it(`through Weir: of requests that come all at once exactly as many pass as may; ${workers} workers`, async t => {
      const limit = (key: unknown, burst: number) =>
        shipped('rate-limit', { ...DAY, burst, key }, { capabilities: { sharedData: true } });
      const filters = { address: limit('source.address', 60), key: limit({ header: 'x-key' }, 40) };
      const { port, running } = await startTestWeir(t, { filters, workers });
      const send = async (key: string) => (await get(port, '/', `X-Key: ${key}`)).status;
      const all = await Promise.all(Array.from({ length: 100 }, (_, i) => send(i % 2 === 0 ? 'a' : 'b')));
      assert.equal(all.filter(status => status === 200).length, 60);
      assert.equal(all.filter(status => status === 429).length, 40);
      assert.match(await running.metrics(), /rate_limit_limited\S* 40$/m);
    });

  it('through Weir without the capability: every request is an error, and passes', async t => {
    const { port, log } = await startTestWeir(t, { filters: { f: shipped('rate-limit', DAY) } });
    for (let i = 0; i < 2; i++) assert.equal((await get(port, '/')).status, 200);
    assert.ok(
      log
        .at('warn')
        .some(({ message }) => /is it granted \(capabilities: \{sharedData: true\}/.test(message)),
    );
  });
});
