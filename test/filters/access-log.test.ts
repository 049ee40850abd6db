import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { type FakeCall, FakeServices } from '../support/services.ts';
import { assertRefused, assertStarts } from '../support/shipped.ts';
import { startShipped } from '../support/shipped-plugin.ts';
import { until } from '../support/wait.ts';

type Line = Record<string, unknown>;

const REGISTERED = { onQueueReady() {} };

/** Values of a queue as text. */
const values = (services: FakeServices) =>
  services.queues[0]!.values.map(value => Buffer.from(value).toString());

const metric = (services: FakeServices, filter: string, name: string) =>
  services.cells.find(({ key }) => key === `${filter}\0access_log_${name}`)?.value;

/** The part that logs, and a queue. */
async function logging(t: TestContext, config: object = {}, limits = {}) {
  const services = new FakeServices();
  services.store.registerQueue('', 'access-log', REGISTERED, 1 << 20);
  const filter = await startShipped('access-log', services, config, { name: 'log', rootId: 'log', limits });
  t.after(() => filter.plugin.close());
  return { ...filter, services };
}

/** The part that ships, and a collector that the test plays. */
async function shipping(t: TestContext, config: object = {}) {
  const services = new FakeServices();
  const settings = { upstream: 'collector', interval: '10ms', ...config };
  const options = { name: 'ship', rootId: 'ship', limits: { bufferedBody: 1 << 20 } };
  const filter = await startShipped('access-log', services, settings, options);
  t.after(() => filter.plugin.close());
  const put = (...lines: string[]) => {
    for (const line of lines) services.store.enqueue(1, Buffer.from(line), 100_000, 1 << 20);
  };
  let seen = 0;
  const next = () => until(() => services.calls[seen] !== undefined && services.calls[seen++]!, 'a batch');
  return { ...filter, services, put, next };
}

const bodyOf = (call: FakeCall) => Buffer.concat(call.body).toString();

function answer(call: FakeCall, status: number): void {
  call.handler.onHeaders(status, []);
  call.handler.onEnd([]);
}

describe('access-log', () => {
  it('has two parts', async () => {
    const known = /rootId: it has to be log, in the filters of routes, or ship, in services/;
    for (const rootId of ['', 'logs']) await assertRefused('access-log', [[{}, known]], { rootId });
  });

  it('log: refuses a wrong configuration at start, with the reason', async () => {
    await assertRefused(
      'access-log',
      [
        ['{', /not JSON: /],
        ['[]', /a JSON object is needed/],
        [{ queues: 'a' }, /queues: unknown key; known are query, queue, request, response/],
        [{ queue: 1 }, /queue: a string is needed/],
        [{ queue: '' }, /queue: it is empty/],
        [{ query: 'no' }, /query: true or false is needed/],
        [{ request: 'referer' }, /request: a list of header names is needed/],
        [{ response: ['a b'] }, /response: a list of header names is needed/],
        [{ request: Array.from({ length: 17 }, (_, i) => `x-${i}`) }, /request: more than 16 names/],
      ],
      { rootId: 'log' },
    );
    const everything = { query: false, request: ['Referer'], response: ['content-type'], queue: 'lines' };
    await assertStarts('access-log', [undefined, {}, everything], { rootId: 'log' });
  });

  it('ship: refuses a wrong configuration at start, with the reason', async () => {
    const upstream = 'collector';
    await assertRefused(
      'access-log',
      [
        [undefined, /upstream: the name of the upstream that takes the lines is needed/],
        [{ upstream, uri: '/' }, /uri: unknown key; known are authority, headers, interval/],
        [{ upstream, path: 'x' }, /path: it has to begin with a slash/],
        [{ upstream, path: '/a b' }, /path: printable ASCII without spaces is needed/],
        [{ upstream, authority: 'a\nb' }, /authority: a host name is needed/],
        [{ upstream, headers: { 'a b': 'c' } }, /headers\.a b: it is no header name/],
        [{ upstream, headers: { a: 'b\r\nc: d' } }, /headers\.a: a string without control characters/],
        [{ upstream, headers: { a: 1 } }, /headers\.a: a string without control characters/],
        ...['1', '1h', 's', '9ms', '61m', '1.5s', '99999999999999999999s', ' 1s'].map(
          interval => [{ upstream, interval }, /interval: a duration from 10ms to 60m is needed/] as const,
        ),
        [{ upstream, timeout: 5 }, /timeout: a duration from 10ms to 60m is needed/],
        [{ upstream, maxLines: 0 }, /maxLines: a whole number from 1 to 10000 is needed/],
        [{ upstream, maxLines: 1.5 }, /maxLines: a whole number from 1 to 10000 is needed/],
        [{ upstream, maxLines: -1 }, /maxLines: a whole number/],
        [{ upstream, maxLines: '1' }, /maxLines: a whole number/],
        [{ upstream, maxBytes: 1024 }, /maxBytes: a whole number from 65536 to 1048576 is needed/],
        [{ upstream, retries: 1001 }, /retries: a whole number from 0 to 1000 is needed/],
      ],
      { rootId: 'ship' },
    );
  });

  it('log: one line for each request, with what is known of it', async t => {
    const { services, chain } = await logging(t, {
      request: ['referer', 'x-none'],
      response: ['Content-Type'],
    });
    const raw = ['user-agent', 'curl', 'x-request-id', 'id-1', 'referer', 'http://a/', 'cookie', 'secret'];
    const exchange = new FakeExchange(raw, 'POST', '/path?query');
    new Drive(chain, exchange)
      .headers()
      .data('four', true)
      .responseHeaders(201, ['content-type', 'text/html'])
      .responseData('body!', true)
      .finish();
    const { time, duration_ms: duration, ...line } = JSON.parse(values(services)[0]!) as Line;
    assert.equal(time, '2023-11-14T22:13:20.000Z');
    assert.ok(typeof duration === 'number' && duration > 0);
    assert.deepEqual(line, {
      method: 'POST',
      path: '/path?query',
      authority: 'example.com',
      protocol: 'HTTP/1.1',
      status: 201,
      details: 'via_upstream',
      bytes_received: 4,
      bytes_sent: 5,
      source: '192.0.2.1:40000',
      user_agent: 'curl',
      request_id: 'id-1',
      route: 'route',
      request_headers: { referer: 'http://a/' },
      response_headers: { 'content-type': 'text/html' },
    });
    assert.equal(metric(services, 'log', 'queued'), 1n);
  });

  it('log: whatever a client sends, a line is one line of JSON in UTF-8', async t => {
    const { services, chain } = await logging(t, { query: false, request: ['x-any'] });
    const texts = [
      '"\\\t\x01\x7f</script>',
      'Zo\xc3\xab \xf0\x9f\x98\x80',
      'Zo\xeb \xff\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82',
      'x'.repeat(5000),
      `${'x'.repeat(2046)}\xf0\x9f\x98\x80\xf0\x9f\x98\x80`,
    ];
    for (const text of texts) {
      new Drive(chain, new FakeExchange(['x-any', text], 'GET', '/secret?token=1')).headers(true).finish();
    }
    const lines = services.queues[0]!.values.map(value => {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(value);
      assert.ok(!/[\n\r]/.test(text));
      return JSON.parse(text) as { path: string; status?: number; request_headers: { 'x-any': string } };
    });
    assert.deepEqual(
      lines.map(({ request_headers }) => request_headers['x-any']),
      [
        '"\\\t\x01\x7f</script>',
        'Zoë 😀',
        'Zo\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd\ufffd \ufffd\ufffd\ufffd\ufffd \ufffd\ufffd',
        `${'x'.repeat(2048)}…`,
        `${'x'.repeat(2046)}😀…`,
      ],
    );
    for (const line of lines) assert.deepEqual([line.path, line.status], ['/secret', undefined]);
  });

  it('log: the status of an error page of the proxy, which passes no filter', async t => {
    const { services, chain } = await logging(t);
    const exchange = Object.assign(new FakeExchange(), { responseStatus: 503 });
    new Drive(chain, exchange).headers(true).finish();
    assert.equal((JSON.parse(values(services)[0]!) as Line)['status'], 503);
  });

  it('log: dates', async t => {
    const { services, chain } = await logging(t);
    const times = [
      '1970-01-01T00:00:00.000Z',
      '2000-02-29T23:59:59.999Z',
      '2024-12-31T12:34:56.789Z',
      '2100-03-01T00:00:00.000Z',
    ];
    for (const time of times) {
      const exchange = Object.assign(new FakeExchange(), { startTime: Date.parse(time) });
      new Drive(chain, exchange).headers(true).finish();
    }
    assert.deepEqual(
      values(services).map(line => (JSON.parse(line) as Line)['time']),
      times,
    );
  });

  it('log: drops and counts when the queue is full, and when there is none', async t => {
    const full = await logging(t, {}, { queueLength: 2 });
    for (let i = 0; i < 15; i++) full.exchange();
    assert.equal(values(full.services).length, 2);
    assert.equal(metric(full.services, 'log', 'dropped'), 13n);
    assert.deepEqual(full.log.texts, [
      "warn access-log: lines dropped so far: 1; the queue is full, or can't be reached",
      "warn access-log: lines dropped so far: 10; the queue is full, or can't be reached",
    ]);
    const none = await logging(t, { queue: 'other' });
    none.exchange();
    assert.match(none.log.texts.join(), /nobody has registered the queue/);
    none.services.store.registerQueue('', 'other', REGISTERED, 1 << 20);
    none.exchange();
    assert.equal(none.services.queues[1]!.values.length, 1);
  });

  it('ship: what is in the queue goes in batches, one at a time', async t => {
    const { services, put, next } = await shipping(t, {
      path: '/in?x',
      authority: 'logs.internal',
      headers: { authorization: 'Bearer x' },
      maxLines: 3,
    });
    put('1', '2', '3', '4', 'a\nb');
    const first = await next();
    assert.equal(first.upstream, 'collector');
    const { method, path, authority, headers } = first.request;
    assert.deepEqual([method, path, authority], ['POST', '/in?x', 'logs.internal']);
    assert.equal(headers[headers.indexOf('content-type') + 1], 'application/x-ndjson');
    assert.equal(headers[headers.indexOf('authorization') + 1], 'Bearer x');
    assert.equal(bodyOf(first), '1\n2\n3\n');
    put('6');
    assert.equal(services.calls.length, 1);
    answer(first, 204);
    const second = await next();
    assert.equal(bodyOf(second), '4\na b\n6\n');
    answer(second, 200);
    put('7');
    assert.equal(bodyOf(await next()), '7\n');
    assert.equal(metric(services, 'ship', 'shipped'), 6n);
  });

  it('ship: a batch has at most maxBytes; a line that is longer is dropped', async t => {
    const { services, put, next } = await shipping(t, { maxBytes: 65_536 });
    const line = 'x'.repeat(30_000);
    put(line, line, line, 'y'.repeat(65_536), 'z');
    const first = await next();
    assert.equal(bodyOf(first), `${line}\n${line}\n`);
    answer(first, 200);
    assert.equal(bodyOf(await next()), `${line}\nz\n`);
    assert.equal(metric(services, 'ship', 'dropped'), 1n);
  });

  it('ship: a batch that fails is sent again, the lines behind it wait; then it is dropped', async t => {
    const { services, put, next, log } = await shipping(t, { retries: 2 });
    put('1', '2');
    const bodies: string[] = [];
    for (const status of [503, 0, 200]) {
      const call = await next();
      bodies.push(bodyOf(call));
      put('later');
      if (status === 0) call.handler.onError(Object.assign(new Error('gone'), { code: 'X' }) as never);
      else answer(call, status);
    }
    assert.deepEqual(bodies, ['1\n2\n', '1\n2\n', '1\n2\n']);
    assert.equal(metric(services, 'ship', 'failed_batches'), 2n);
    assert.deepEqual(log.texts, [
      'warn access-log: collector takes no lines (status 503); they are sent again',
      'info access-log: collector takes lines again',
    ]);
    for (let i = 0; i < 3; i++) answer(await next(), 500);
    assert.equal(metric(services, 'ship', 'dropped'), 3n);
    assert.equal(log.texts.at(-1), 'warn access-log: collector: 3 lines are dropped (status 500)');
    put('after');
    assert.equal(bodyOf(await next()), 'after\n');
    assert.equal(metric(services, 'ship', 'shipped'), 2n);
  });

  it('ship: what the collector calls wrong is not sent again', async t => {
    const { services, put, next, log } = await shipping(t);
    put('wrong');
    answer(await next(), 400);
    put('right');
    assert.equal(bodyOf(await next()), 'right\n');
    assert.equal(metric(services, 'ship', 'dropped'), 1n);
    assert.match(log.texts[0]!, /collector: 1 lines are dropped \(status 400\)/);
  });

  it('ship: at its end it sends what is left', async t => {
    const { plugin, put, next } = await shipping(t, { interval: '60m' });
    put('1');
    plugin.close();
    assert.equal(bodyOf(await next()), '1\n');
  });

  it('ship: without shared data it waits for it', async t => {
    const services = new FakeServices();
    services.away = true;
    const options = { name: 'ship', rootId: 'ship' };
    const { plugin, log } = await startShipped(
      'access-log',
      services,
      { upstream: 'collector', interval: '10ms' },
      options,
    );
    t.after(() => plugin.close());
    assert.match(log.texts.join(), /the queue can't be registered yet \(is it granted/);
    services.away = false;
    await until(() => services.queues.length === 1, 'the queue');
    services.store.enqueue(1, Buffer.from('x'), 10, 1 << 20);
    await until(() => services.calls.length === 1, 'a batch');
    assert.equal(log.texts.length, 1);
  });
});
