import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  ALL,
  BUFFER,
  calls,
  events,
  finished,
  probe,
  results,
  STATUS,
  statuses,
  value,
} from '../support/probe.ts';
import { get, header, request } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, notFound } = STATUS;
const ons = (all: readonly { on: string; op?: string }[]) =>
  all.filter(e => e.op === undefined).map(e => e.on);

describe('1. `_initialize` then `main` if exported; otherwise `_start`', () => {
  it('before the root context is created', async t => {
    const { log } = await startTestWeir(t, { filters: { a: probe() } });
    assert.deepEqual(ons(events(log)), ['initialize', 'main', 'create', 'vmStart', 'configure']);
  });

  it('a command: `_start` runs its main', async t => {
    const { log } = await startTestWeir(t, { filters: { a: probe({}, { variant: '0.1.0' }) } });
    assert.deepEqual(ons(events(log)), ['main', 'create', 'vmStart', 'configure']);
  });
});

describe('2. Allocator: `proxy_on_memory_allocate`, else `malloc`', () => {
  for (const variant of ['full', '0.1.0'] as const) {
    it(`${variant}: what is returned is whole, also where the guest's memory grows for it`, async t => {
      const limits = { bufferedBody: '8MiB' };
      const upper = ['upper', BUFFER.request] as const;
      const { port, log } = await startTestWeir(t, {
        filters: {
          a: probe({ requestBody: [upper] }, { variant, limits }),
          b: probe({ requestBody: [['when', 'open', [['return', 1]]], upper] }, { variant, limits }),
        },
      });
      const body = 'abcdefg\n'.repeat(300_000);
      const response = await request(
        port,
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const echo = JSON.parse(response.body.toString()) as { bodySize: number; body: string };
      assert.equal(echo.bodySize, body.length);
      assert.equal(echo.body.slice(0, 16), 'ABCDEFG\nABCDEFG\n');
      assert.ok(statuses(log, 'requestBody', 'upper').every(status => status === ok));
      assert.ok(events(log, 'b').some(e => e.on === 'requestBody' && e.a === body.length && e.b === 1));
    });
  }
});

describe('3. Each new root context: context_create, vm_start, configure', () => {
  const read = (buffer: number) => ['getBuffer', buffer, 0, ALL] as const;
  const both = [read(BUFFER.vmConfig), read(BUFFER.config)];

  it('VM and plugin configuration are readable only then; later NOT_FOUND', async t => {
    const script = {
      configure: both,
      create: both,
      requestHeaders: both,
      responseHeaders: both,
      done: both,
      log: both,
    };
    const vmConfig = { vmStart: both };
    const { port, log } = await startTestWeir(t, { filters: { a: probe(script, { vmConfig }) } });
    await get(port, '/');
    await finished(log, 1);
    assert.deepEqual(statuses(log, 'vmStart', 'getBuffer'), [ok, notFound]);
    assert.equal(value(log, 'vmStart', 'getBuffer'), JSON.stringify(vmConfig));
    const configured = results(log, 'configure', 'getBuffer');
    assert.deepEqual(
      configured.map(e => e.status),
      [notFound, ok],
    );
    assert.equal(configured[1]?.value, JSON.stringify(script));
    for (const on of ['create', 'requestHeaders', 'responseHeaders', 'done', 'log'] as const) {
      assert.deepEqual(statuses(log, on), [notFound, notFound], on);
    }
  });

  it('plugins that share a VM have a root context each', async t => {
    const { log } = await startTestWeir(t, { filters: { a: probe(), b: probe() } });
    const roots = events(log).filter(e => e.on === 'configure' && e.op === undefined);
    assert.deepEqual(
      roots.map(e => e.filter),
      ['a', 'b'],
    );
    assert.notEqual(roots[0]?.id, roots[1]?.id);
    assert.equal(events(log).filter(e => e.on === 'main').length, 1);
  });

  it('another vmId, vmConfig or env is another VM', async t => {
    const filters = {
      a: probe(),
      b: probe({}, { vmId: 'b' }),
      c: probe({}, { vmConfig: 'c' }),
      d: probe({}, { env: { D: '1' } }),
    };
    const { log } = await startTestWeir(t, { filters });
    assert.equal(events(log).filter(e => e.on === 'main').length, 4);
  });

  it('a `false` refuses the plugin: in start-errors.test.ts; a stop ends root contexts with done, log, delete', async t => {
    const { log, running } = await startTestWeir(t, { filters: { a: probe() } });
    const before = events(log).length;
    await running.close();
    assert.deepEqual(ons(events(log).slice(before)), ['done', 'log', 'delete']);
  });
});

describe('4. Imports differ by version', () => {
  const old = (script: Parameters<typeof probe>[0], options: Parameters<typeof probe>[1] = {}) =>
    probe(script, { ...options, variant: '0.1.0' });

  it('0.1.0: proxy_get_configuration', async t => {
    const vmConfig = { vmStart: [['configuration']] };
    const script = { configure: [['configuration']], requestHeaders: [['configuration']] } as const;
    const { port, log } = await startTestWeir(t, { filters: { a: old(script, { vmConfig }) } });
    await get(port, '/');
    assert.equal(value(log, 'vmStart', 'configuration'), JSON.stringify(vmConfig));
    assert.equal(value(log, 'configure', 'configuration'), JSON.stringify(script));
    assert.equal(value(log, 'requestHeaders', 'configuration'), '');
  });

  it('0.1.0: a headers callback without end_of_stream, every other callback as later', async t => {
    const { port, log } = await startTestWeir(t, { filters: { a: old({}) } });
    const chunked =
      'POST /?trailer=a:b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nt: 1\r\n\r\n';
    assert.equal((await request(port, chunked)).status, 200);
    await finished(log, 1);
    const unique = [...new Set(calls(log))];
    assert.deepEqual(unique, [
      'a requestHeaders',
      'a requestBody',
      'a requestTrailers end',
      'a responseHeaders',
      'a responseBody',
      'a responseTrailers end',
    ]);
  });

  it('0.1.0: a missing header is OK with an empty value; from 0.2.0 on it is NOT_FOUND', async t => {
    const script = { requestHeaders: [['get', 0, 'x-none']] } as const;
    const { port, log } = await startTestWeir(t, { filters: { a: old(script), b: probe(script) } });
    await get(port, '/');
    const [a, b] = results(log, 'requestHeaders', 'get');
    assert.deepEqual({ status: a?.status, value: a?.value }, { status: ok, value: '' });
    assert.deepEqual({ status: b?.status, value: b?.value }, { status: notFound, value: undefined });
  });

  it('0.1.0: proxy_continue_request and _response let a paused stream go', async t => {
    const hold = [
      ['remember', 0],
      ['return', 1],
    ] as const;
    const a = old({
      requestHeaders: [
        ['when', 'header', ':path', '/held', hold],
        [
          'when',
          'header',
          ':path',
          '/go',
          [['recall', 0], ['continue', 0], ['self'], ['local', 200, 'went']],
        ],
        [
          'when',
          'header',
          ':path',
          '/go2',
          [['recall', 1], ['continue', 1], ['self'], ['local', 200, 'went']],
        ],
      ],
      responseHeaders: [
        [
          'when',
          'property',
          'request\0path',
          '/held',
          [
            ['remember', 1],
            ['return', 1],
          ],
        ],
      ],
    });
    const { port, log } = await startTestWeir(t, { filters: { a } });
    const held = get(port, '/held');
    await until(() => calls(log).length === 1, 'the request to be held');
    await get(port, '/go');
    await until(
      () => calls(log).filter(c => c === 'a responseHeaders').length === 2,
      'the response to be held',
    );
    await get(port, '/go2');
    assert.equal((await held).status, 200);
    await finished(log, 3);
  });

  it('0.1.0: proxy_clear_route_cache', async t => {
    const a = old({ requestHeaders: [['replace', 0, 'x-to', 'two'], ['clearRouteCache']] });
    const { port, log } = await startTestWeir(t, {
      filters: { a, b: probe({ requestHeaders: [['local', 200, 'never: filters stay']] }) },
      routes: [
        { match: { headers: { 'x-to': 'two' } }, upstream: 'app2', filters: ['b'] },
        { upstream: 'app', filters: ['a'] },
      ],
      upstreams: [1, 'echo'],
    });
    const response = await get(port, '/');
    assert.equal(response.status, 200);
    assert.equal(header(response, 'content-type'), 'application/json');
    assert.deepEqual(statuses(log, 'requestHeaders'), [ok, ok]);
  });

  it('0.2.1: proxy_get_log_level', async t => {
    const { port, log } = await startTestWeir(t, {
      filters: { a: probe({ requestHeaders: [['logLevel']] }) },
    });
    await get(port, '/');
    assert.equal(value(log, 'requestHeaders', 'logLevel'), '\0');
  });
});

describe('5. WASI', () => {
  it('poll_oneoff succeeds without waiting; fd 1 logs at info, fd 2 at error, partial lines joined', async t => {
    const a = probe({
      requestHeaders: [
        ['stdout', 'one '],
        ['stdout', 'line\nand another\n'],
        ['stderr', 'oh\n'],
        ['stdout', 'the rest'],
        ['poll'],
        ['random', 65_536],
        ['random', 100_000_000],
      ],
    });
    const { port, log } = await startTestWeir(t, { filters: { a } });
    await get(port, '/');
    const lines = log.lines.filter(l => l.fields['filter'] === 'a' && !l.message.startsWith('{'));
    assert.deepEqual(
      lines.map(l => `${l.level} ${l.message}`),
      ['info one line', 'info and another', 'error oh', 'info the rest'],
    );
    assert.deepEqual(statuses(log, 'requestHeaders', 'poll'), [0]);
    const [some, tooMuch] = statuses(log, 'requestHeaders', 'random');
    assert.equal(some, 0);
    assert.notEqual(tooMuch, 0);
  });

  it('`proc_exit` ends the VM, never the process', async t => {
    const a = probe({ requestHeaders: [['when', 'header', ':path', '/exit', [['exit', 3]]]] });
    const { port, log } = await startTestWeir(t, { filters: { a } });
    assert.equal((await get(port, '/')).status, 200);
    const failed = await get(port, '/exit');
    assert.equal(failed.status, 503);
    assert.equal(failed.body.toString(), '503 service unavailable\n');
    assert.ok(log.at('error').some(l => /proc_exit\(3\)/.test(l.message)));
    assert.equal((await get(port, '/')).status, 200);
    assert.ok(log.at('warn').some(l => /new VM/.test(l.message)));
  });
});
