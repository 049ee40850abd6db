import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { ALL, BUFFER, finished, probe, results, STATUS, statuses } from '../support/probe.ts';
import { header, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, notFound, badArgument } = STATUS;

describe("13. After Continue the phase's map is gone", () => {
  it('a late write is BAD_ARGUMENT (E); reads stay possible in on_log', async t => {
    const late = (map: number) =>
      [
        ['add', map, 'x-late', '1'],
        ['replace', map, 'x-late', '1'],
        ['remove', map, 'host'],
        ['setPairs', map, []],
        ['get', map, 'x-in'],
      ] as const;
    const a = probe({
      requestHeaders: late(2),
      requestBody: late(0),
      requestTrailers: late(0),
      responseHeaders: [...late(0), ...late(1)],
      responseBody: late(2),
      responseTrailers: late(2),
      done: [...late(0), ...late(2)],
      log: [...late(0), ...late(1), ...late(2), ...late(3)],
    });
    const upstream = await startUpstream(t, (_req, res) => {
      res.writeHead(200, { 'x-in': '3', trailer: 'x-in' });
      res.write('x');
      res.addTrailers([['x-in', '4']]);
      res.end();
    });
    const { port, log } = await startTestWeir(t, { upstreams: [upstream.port], filters: { a } });
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nX-In: 1\r\nTransfer-Encoding: chunked\r\n\r\n';
    const response = await request(port, `${head}1\r\nx\r\n0\r\nx-in: 2\r\n\r\n`);
    await finished(log, 1);
    const refused = (n: number) => Array(5 * n).fill(badArgument);
    assert.deepEqual(statuses(log, 'requestHeaders'), refused(1));
    assert.deepEqual(statuses(log, 'requestBody').slice(0, 5), refused(1));
    assert.deepEqual(statuses(log, 'requestTrailers'), refused(1));
    assert.deepEqual(statuses(log, 'responseHeaders'), refused(2));
    assert.deepEqual(statuses(log, 'responseBody').slice(0, 5), refused(1));
    assert.deepEqual(statuses(log, 'responseTrailers'), refused(1));
    assert.deepEqual(statuses(log, 'done'), refused(2));
    const logged = results(log, 'log');
    assert.deepEqual(
      logged.map(e => e.status),
      [0, 1, 2, 3].flatMap(() => [2, 2, 2, 2, ok]),
    );
    assert.deepEqual(
      logged.filter(e => e.op === 'get').map(e => e.value),
      ['1', '2', '3', '4'],
    );
    assert.equal(header(response, 'x-late'), undefined);
    assert.equal(upstream.requests[0]?.headers.has('x-late'), false);
  });
});

describe('20. Buffers', () => {
  const one = async (
    t: Parameters<typeof startUpstream>[0],
    ops: readonly (readonly [string, ...unknown[]])[],
    variant: 'full' | 'headers' = 'full',
  ) => {
    const upstream = await startUpstream(t);
    const script = variant === 'full' ? { requestBody: ops } : { requestHeaders: ops };
    const { port, log } = await startTestWeir(t, {
      upstreams: [upstream.port],
      filters: { a: probe(script, { variant, limits: { bufferedBody: '100B' } }) },
    });
    await request(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789');
    return {
      body: upstream.requests[0]?.body.toString(),
      got: results(log, variant === 'full' ? 'requestBody' : 'requestHeaders'),
    };
  };

  it('get: start + length overflow BAD_ARGUMENT; past the end OK with null and 0; too long is clamped; absent NOT_FOUND', async t => {
    const { got } = await one(t, [
      ['getBuffer', 0, 1, ALL],
      ['getBuffer', 0, 10, 5],
      ['getBuffer', 0, 4000, 5],
      ['getBuffer', 0, 8, 5000],
      ['getBuffer', 0, 0, ALL],
      ['getBuffer', BUFFER.response, 0, 10],
      ['getBuffer', 9, 0, 10],
      ['bufferStatus', 0],
      ['bufferStatus', 1],
    ]);
    assert.deepEqual(
      got.map(e => [e.status, e.value ?? e.size]),
      [
        [badArgument, 0],
        [ok, ''],
        [ok, ''],
        [ok, '89'],
        [ok, '0123456789'],
        [notFound, 0],
        [badArgument, 0],
        [ok, 10],
        [notFound, 0],
      ],
    );
  });

  for (const [what, start, size, expected] of [
    ['start 0 size 0 prepends', 0, 0, 'AB0123456789'],
    ['start 0 size >= length replaces', 0, 10, 'AB'],
    ['start 0 size of 0xFFFFFFFF replaces', 0, ALL, 'AB'],
    ['start >= length appends', 10, 0, '0123456789AB'],
    ['start past the end appends', ALL, ALL, '0123456789AB'],
    ['the middle injects', 4, 0, '0123AB456789'],
    ['the middle replaces', 4, 3, '0123AB789'],
    ['the middle replaces up to the end', 4, ALL, '0123AB'],
    ['start 0 replaces the beginning', 0, 3, 'AB3456789'],
  ] as const) {
    it(`set: ${what}`, async t => {
      const { body, got } = await one(t, [
        ['setBuffer', 0, start, size, 'AB'],
        ['getBuffer', 0, 0, ALL],
      ]);
      assert.deepEqual(
        got.map(e => e.status),
        [ok, ok],
      );
      assert.equal(got[1]?.value, expected);
      assert.equal(body, expected);
    });
  }

  it('set: past the limit is BAD_ARGUMENT and changes nothing', async t => {
    const { body, got } = await one(t, [
      ['setBuffer', 0, 0, ALL, 'x', 101],
      ['setBuffer', 0, 10, 0, 'x', 91],
      ['setBuffer', 0, 10, 0, 'x', 90],
    ]);
    assert.deepEqual(
      got.map(e => e.status),
      [badArgument, badArgument, ok],
    );
    assert.equal(body, `0123456789${'x'.repeat(90)}`);
  });

  it('not in a headers callback', async t => {
    const { body, got } = await one(
      t,
      [
        ['getBuffer', 0, 0, ALL],
        ['setBuffer', 0, 0, 0, 'x'],
        ['bufferStatus', 0],
      ],
      'headers',
    );
    assert.deepEqual(
      got.map(e => e.status),
      [notFound, notFound, notFound],
    );
    assert.equal(body, '0123456789');
  });
});
