import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream } from '../support/fixtures.ts';
import {
  ALL,
  BUFFER,
  began,
  contexts,
  events,
  finished,
  probe,
  results,
  type Script,
  STATUS,
  statuses,
  value,
} from '../support/probe.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { get } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, notFound, badArgument } = STATUS;

describe('6. The current context belongs to the VM; effective context', () => {
  it('unknown id is BAD_ARGUMENT, also one that went away; 0 is none', async t => {
    const script = [
      ['effective', 77],
      ['effective', 0],
      ['recall', 0],
      ['get', 0, ':path'],
      ['remember', 0],
    ] as const;
    const { port, log } = await startTestWeir(t, { filters: { a: probe({ requestHeaders: script }) } });
    await get(port, '/1');
    await finished(log, 1);
    await get(port, '/2');
    await finished(log, 2);
    assert.deepEqual(statuses(log, 'requestHeaders'), [2, 2, 2, ok, 2, 2, 2, ok]);
    assert.deepEqual(
      results(log, 'requestHeaders', 'get').map(e => e.value),
      ['/1', '/2'],
    );
  });

  it('saved and restored: what follows acts on the true context again', async t => {
    const a = probe({
      requestHeaders: [
        [
          'when',
          'header',
          ':path',
          '/first',
          [
            ['remember', 0],
            ['return', 1],
          ],
        ],
        [
          'when',
          'header',
          ':path',
          '/second',
          [
            ['recall', 0],
            ['get', 0, ':path'],
            ['replace', 0, 'x-by', 'second'],
            ['continue', 0],
          ],
        ],
      ],
    });
    const { port, log } = await startTestWeir(t, {
      filters: {
        a,
        b: probe({
          requestHeaders: [
            ['get', 0, ':path'],
            ['get', 0, 'x-by'],
          ],
        }),
      },
    });
    const first = get(port, '/first');
    await began(log, 'requestHeaders');
    assert.equal((await get(port, '/second')).status, 200);
    assert.equal((await first).status, 200);
    assert.equal(value(log, 'requestHeaders', 'get'), '/first');
    const seen = results(log, 'requestHeaders', 'get').filter(e => e.filter === 'b');
    const byPath = new Map([0, 2].map(i => [seen[i]?.value, seen[i + 1]?.value]));
    assert.deepEqual(
      byPath,
      new Map([
        ['/second', undefined],
        ['/first', 'second'],
      ]),
    );
  });
});

describe('7. done -> log -> delete', () => {
  it('in this order, exactly once each, for every filter of the chain', async t => {
    const { port, log } = await startTestWeir(t, { filters: { a: probe(), b: probe() } });
    await get(port, '/');
    await finished(log, 2);
    assert.equal(contexts(log).size, 2);
  });

  it('`false` from on_done keeps the context until `proxy_done`, which is NOT_FOUND when nothing is pending', async t => {
    const a = probe({
      requestHeaders: [
        ['when', 'header', ':path', '/keep', [['finished'], ['remember', 0]]],
        ['when', 'header', ':path', '/end', [['recall', 0], ['finished'], ['finished'], ['self']]],
      ],
      done: [['when', 'property', 'request\0path', '/keep', [['return', 0]]]],
      log: [
        ['get', 0, ':path'],
        ['get', 2, ':status'],
      ],
    });
    const { port, log } = await startTestWeir(t, { filters: { a } });
    await get(port, '/keep');
    await began(log, 'done');
    await get(port, '/end');
    await finished(log, 2);
    assert.deepEqual(statuses(log, 'requestHeaders', 'finished'), [notFound, ok, notFound]);
    // What is left of the first stream can still be read.
    assert.ok(results(log, 'log', 'get').some(e => e.value === '/keep'));
    assert.equal(contexts(log).size, 2);
  });

  it('contexts that never call `proxy_done` are ended with the filter; the next streams run', async t => {
    const { port, log, running } = await startTestWeir(t, {
      filters: { a: probe({ done: [['return', 0]] }) },
    });
    for (let i = 0; i < 3; i++) assert.equal((await get(port, '/')).status, 200);
    await running.close();
    assert.deepEqual(
      [...contexts(log).values()].map(e => e.join()),
      Array(3).fill('create,done,log,delete'),
    );
  });
});

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n';

/** What the client sends, until when it waits, and then it goes. */
const DISCONNECTS: Readonly<
  Record<string, { script: Script; send: string; until: 'request' | 'answer' | keyof Script }>
> = {
  'while request headers are paused': {
    script: { requestHeaders: [['return', 1]] },
    send: POST,
    until: 'requestHeaders',
  },
  'in the middle of the request body': { script: {}, send: `${POST}some`, until: 'requestBody' },
  'while the request body is paused': {
    script: { requestBody: [['return', 1]] },
    send: `${POST}some`,
    until: 'requestBody',
  },
  'while the upstream has not answered': { script: {}, send: `${POST}${'x'.repeat(100)}`, until: 'request' },
  'while response headers are paused': {
    script: { responseHeaders: [['return', 1]] },
    send: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    until: 'responseHeaders',
  },
  'in the middle of the response body': {
    script: {},
    send: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    until: 'answer',
  },
  'while the response body is paused': {
    script: { responseBody: [['return', 1]] },
    send: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    until: 'responseBody',
  },
};

for (const transport of TRANSPORTS) {
  describe(`7. over ${transport}: a client that disconnects still gets done, log, delete, exactly once`, () => {
    for (const [when, { script, send, until: until_ }] of Object.entries(DISCONNECTS)) {
      it(when, async t => {
        const upstream = await startRawUpstream(t, (socket, text) => {
          if (text.startsWith('GET')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
        });
        const reads = [
          ['get', 0, ':path'],
          ['pairs', 2],
          ['getBuffer', BUFFER.request, 0, ALL],
          ['add', 0, 'x', 'y'],
        ] as const;
        const { port, log } = await startTestWeir(t, {
          transport,
          upstreams: [upstream.port],
          filters: { a: probe({ ...script, log: reads }), b: probe() },
        });
        const client = await openClient(t, port);
        client.send(send);
        if (until_ === 'request') await until(() => upstream.received[0]?.endsWith('x'), 'the request');
        else if (until_ === 'answer') await until(() => client.received.includes('some'), 'the answer');
        else await began(log, until_ as 'done');
        const reached = new Set(events(log).flatMap(e => (e.on.startsWith('request') ? [e.filter] : [])))
          .size;
        client.close();
        await finished(log, reached);
        assert.equal(contexts(log).size, reached);
        assert.deepEqual(statuses(log, 'log'), [ok, ok, notFound, badArgument]);
      });
    }

    it('an upstream that breaks off in the response body', async t => {
      const upstream = await startRawUpstream(t, socket => {
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome');
      });
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: { a: probe() },
      });
      const client = await openClient(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.untilClosed();
      await finished(log, 1);
    });

    it('an upstream that is not there: filters see the 502', async t => {
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [1],
        filters: {
          a: probe({
            responseHeaders: [
              ['get', 2, ':status'],
              ['replace', 2, 'x-saw', 'it'],
            ],
          }),
        },
      });
      const response = await get(port, '/');
      assert.equal(response.status, 502);
      await finished(log, 1);
      assert.equal(value(log, 'responseHeaders', 'get'), '502');
      assert.ok(response.headers.some(([n, v]) => n === 'x-saw' && v === 'it'));
    });
  });
}
