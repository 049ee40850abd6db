import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { UpstreamError } from '../../src/errors.ts';
import type { ProxyWasmPlugin } from '../../src/plugin/plugin.ts';
import { type Puppet, type Rig, rig, type Script, serialise, settle, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';
import { answer, CALLS_GRANTED, callArgs, httpCall } from '../support/http-calls.ts';
import { FakeServices } from '../support/services.ts';

const [OK, NOT_FOUND, BAD_ARGUMENT, INTERNAL_FAILURE] = [0, 1, 2, 10];
const [HEADERS, TRAILERS, BODY] = [6, 7, 4];

/** Status code and message of the last call. */
function status(p: Puppet): string {
  assert.equal(p.call('proxy_get_status', 40, 44, 48), OK);
  return `${p.u32(40)} ${p.bytes(p.u32(44), p.u32(48)).toString()}`;
}

const pairs = (p: Puppet, map: number) => {
  const got = p.fetch('proxy_get_header_map_pairs', map);
  assert.equal(got.status, OK);
  return got.bytes;
};

/** A filter that calls while it handles request headers, and waits. */
async function waiting(
  t: TestContext,
  act: (p: Puppet, context: number) => unknown,
  script: Script = {},
  options = CALLS_GRANTED,
): Promise<{ r: Rig; drive: Drive; services: FakeServices; plugin: ProxyWasmPlugin }> {
  const services = new FakeServices();
  const headers: Script = {
    proxy_on_request_headers: (p, context) => {
      act(p, context);
      return 1;
    },
  };
  const r = await rig({ ...headers, ...script }, {}, undefined, services);
  const plugin = r.start(options);
  t.after(() => plugin.close());
  const drive = new Drive(r.chain(plugin)).headers(true);
  r.check();
  return { r, drive, services, plugin };
}

const answers = (r: Rig) => r.calls.filter(call => call.startsWith('http_call_response'));

for (const abi of VERSIONS) {
  test(`a call is sent as it was said (${abi})`, async () => {
    const services = new FakeServices();
    await during(
      'proxy_on_request_headers',
      p => {
        const headers = [':method', 'POST', ':path', '/a?b=c', ':authority', 'h.example:81', 'X-One', 'é'];
        const first = httpCall(p, { headers, body: Buffer.from([0, 255]), timeout: 250 });
        const second = httpCall(p, { body: 'text', trailers: ['x-t', '1'] });
        assert.ok(first > 0 && second > 0 && first !== second);
      },
      { abi, options: CALLS_GRANTED, services },
    );
    const [first, second] = services.calls;
    assert.equal(services.calls.length, 2);
    assert.equal(first!.upstream, 'auth');
    const { method, path, authority, headers, length, timeouts } = first!.request;
    assert.deepEqual([method, path, authority, length], ['POST', '/a?b=c', 'h.example:81', 2]);
    assert.deepEqual(headers, ['x-one', 'é']);
    assert.equal(timeouts.firstByte, 250);
    assert.deepEqual([first!.body, first!.trailers], [[Buffer.from([0, 255])], []]);
    // Trailers need a body without a length.
    assert.deepEqual([second!.request.length, second!.trailers], [-1, ['x-t', '1']]);
    assert.equal(second!.request.timeouts.firstByte, undefined, "0: the upstream's own");
  });
}

test('the answer comes to the root context, and is read through its maps and buffer', async t => {
  let told = '';
  const { r, services, plugin } = await waiting(t, p => httpCall(p), {
    proxy_on_http_call_response: (p, context, call, headers, body, trailers) => {
      told = [context, call, headers, body, trailers].join();
      assert.equal(p.header(HEADERS, ':status'), '404');
      assert.equal(p.header(HEADERS, 'x-a'), '1');
      assert.equal(p.header(HEADERS, 'x-b'), NOT_FOUND);
      assert.deepEqual(pairs(p, HEADERS), serialise([':status', '404', 'x-a', '1', 'x-a', '2']));
      assert.deepEqual(pairs(p, TRAILERS), serialise(['x-t', 'é']));
      assert.equal(p.header(TRAILERS, 'X-T'), 'é');
      assert.equal(p.body(BODY), 'one two');
      assert.equal(p.call('proxy_get_buffer_status', BODY, 16, 20), OK);
      assert.equal(p.u32(16), 7);
      assert.equal(status(p), '404 ');
      // What came is not the guest's to change.
      assert.equal(p.setHeader(HEADERS, 'x-a', '3'), BAD_ARGUMENT);
      assert.equal(p.call('proxy_set_buffer_bytes', BODY, 0, 0, ...p.put('x')), NOT_FOUND);
      const args = [HEADERS, ...p.put(':status'), 16, 20];
      assertPointersChecked(p, 'proxy_get_header_map_value', args, { out: [3, 4], data: [1] });
      assertAllocatorChecked(p, 'proxy_get_buffer_bytes', [BODY, 0, 100, 16, 20], Buffer.from('one two'));
    },
  });
  const call = services.calls[0]!;
  assert.equal(plugin.counters.calls, 1);
  answer(call, 404, ['X-A', '1', 'x-a', '2'], ['one ', 'two'], ['X-T', 'é']);
  r.check();
  assert.equal(told, '1,1,3,7,1');
  assert.equal(plugin.counters.calls, 0);
});

test("with the effective context of a stream, all of it is read there, and the stream's own beside it", async t => {
  let read = 0;
  let stream = 0;
  const { r, drive, services } = await waiting(
    t,
    (p, context) => {
      stream = context;
      httpCall(p);
    },
    {
      proxy_on_http_call_response: p => {
        assert.equal(p.header(0, ':path'), BAD_ARGUMENT, 'the root has no request');
        assert.equal(p.call('proxy_set_effective_context', stream), OK);
        assert.equal(p.header(HEADERS, ':status'), '200');
        assert.equal(p.body(BODY), 'yes');
        assert.equal(p.header(TRAILERS, 'x-t'), 't');
        assert.equal(status(p), '200 ');
        assert.equal(p.header(0, ':path'), '/');
        assert.equal(p.setHeader(0, 'x-user', 'u'), OK);
        assert.equal(p.call('proxy_continue_stream', 0), OK);
        read++;
      },
    },
  );
  assert.deepEqual(drive.take(), []);
  answer(services.calls[0]!, 200, [], ['yes'], ['x-t', 't']);
  r.check();
  assert.equal(read, 1);
  await settle();
  assert.deepEqual(drive.take(), ['> headers end']);
  assert.equal(drive.exchange.requestHeaders.get('x-user'), 'u');
});

test('a stream is answered from the callback of a call', async t => {
  let stream = 0;
  const { r, drive, services } = await waiting(
    t,
    (p, context) => {
      stream = context;
      httpCall(p);
    },
    {
      proxy_on_http_call_response: p => {
        p.call('proxy_set_effective_context', stream);
        assert.equal(p.respond(403, 'no'), OK);
        assert.deepEqual(drive.take(), [], 'not on the stack of the guest');
      },
    },
  );
  answer(services.calls[0]!);
  r.check();
  await settle();
  assert.deepEqual(drive.take(), ['local', '< 403', '< no end']);
});

test('before and after the callback there is nothing to be read', async t => {
  const nothing = (p: Puppet) => {
    for (const map of [HEADERS, TRAILERS]) {
      assert.equal(p.header(map, ':status'), BAD_ARGUMENT);
      assert.deepEqual(pairs(p, map), Buffer.alloc(0));
    }
    assert.equal(p.body(BODY), NOT_FOUND);
  };
  const { r, services, drive } = await waiting(
    t,
    p => {
      assert.equal(status(p), '0 ');
      nothing(p);
      httpCall(p);
    },
    { proxy_on_done: nothing, proxy_on_log: p => void assert.equal(status(p), '200 ') },
  );
  answer(services.calls[0]!);
  drive.finish();
  r.check();
});

test('what failed is 0/0/0, with maps and a body that are empty, and a reason', async t => {
  const statuses: string[] = [];
  const { r, services, plugin } = await waiting(
    t,
    p => {
      for (let i = 0; i < 3; i++) httpCall(p);
    },
    {
      proxy_on_http_call_response: (p, _root, call) => {
        statuses.push(status(p));
        if (call === 3) return;
        assert.equal(p.header(HEADERS, ':status'), NOT_FOUND);
        assert.equal(p.header(TRAILERS, 'x-t'), NOT_FOUND);
        assert.deepEqual(pairs(p, HEADERS), Buffer.alloc(0));
        assert.deepEqual(pairs(p, TRAILERS), Buffer.alloc(0));
        assert.equal(p.call('proxy_get_header_map_size', HEADERS, 16), OK);
        assert.equal(p.u32(16), 0);
        assert.equal(p.body(BODY), '');
      },
    },
  );
  const [connect, midway, late] = services.calls;
  connect!.handler.onError(new UpstreamError('UPSTREAM_CONNECT', 'connect', 'refused'));
  midway!.handler.onHeaders(200, ['x-a', '1']);
  midway!.handler.onData(Buffer.from('part'));
  midway!.handler.onError(new UpstreamError('UPSTREAM_PROTOCOL', 'response', 'closed'));
  answer(late!);
  r.check();
  assert.deepEqual(answers(r).slice(0, 2), [
    'http_call_response(1,1,0,0,0)',
    'http_call_response(1,2,0,0,0)',
  ]);
  assert.match(statuses[0]!, /^9 .*refused/);
  assert.match(statuses[1]!, /^9 .*closed/);
  assert.equal(statuses[2], '200 ');
  assert.equal(plugin.counters.calls, 0);
});

test('a timeout bounds the whole answer: 0/0/0, the call is aborted, and what comes later is not heard', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let reason = '';
  const { r, services } = await waiting(t, p => httpCall(p, { timeout: 50 }), {
    proxy_on_http_call_response: p => {
      reason = status(p);
    },
  });
  const call = services.calls[0]!;
  call.handler.onHeaders(200, []);
  call.handler.onData(Buffer.from('slow'));
  t.mock.timers.tick(49);
  assert.deepEqual(answers(r), []);
  t.mock.timers.tick(1);
  r.check();
  assert.deepEqual(answers(r), ['http_call_response(1,1,0,0,0)']);
  assert.match(reason, /^9 .*50 ms/);
  assert.equal(call.aborted, true);
  call.handler.onData(Buffer.from('late'));
  call.handler.onEnd([]);
  call.handler.onError(new UpstreamError('UPSTREAM_PROTOCOL', 'response', 'closed'));
  assert.equal(answers(r).length, 1);
});

test('many calls at once, answers in any order', async t => {
  const ids: number[] = [];
  const got: string[] = [];
  const { r, services, plugin } = await waiting(
    t,
    p => {
      for (let i = 0; i < 100; i++) ids.push(httpCall(p, { body: String(i) }));
    },
    {
      proxy_on_http_call_response: (p, _root, call) => {
        got.push(`${ids.indexOf(call)} ${p.body(BODY)}`);
      },
    },
  );
  assert.equal(new Set(ids).size, 100);
  assert.equal(plugin.counters.calls, 100);
  const order = services.calls.map((_, i) => (i * 37) % 100);
  for (const i of order) answer(services.calls[i]!, 200, [], [String(services.calls[i]!.body[0])]);
  r.check();
  assert.deepEqual(
    got,
    order.map(i => `${i} ${i}`),
  );
  assert.equal(plugin.counters.calls, 0);
});

test('an answer may lead to the next call', async t => {
  const { r, services, plugin } = await waiting(t, p => httpCall(p), {
    proxy_on_http_call_response: (p, _root, call) => {
      if (call < 5) assert.equal(httpCall(p), call + 1);
    },
  });
  for (let i = 0; i < 5; i++) answer(services.calls[i]!);
  r.check();
  assert.equal(answers(r).length, 5);
  assert.deepEqual([services.calls.length, plugin.counters.calls], [5, 0]);
});

test('limits.calls: one more is INTERNAL_FAILURE, until one has ended', async t => {
  const { r, services, plugin } = await waiting(
    t,
    p => {
      assert.ok(httpCall(p) > 0 && httpCall(p) > 0);
      assert.equal(httpCall(p), -INTERNAL_FAILURE);
    },
    { proxy_on_http_call_response: p => void assert.ok(httpCall(p) > 0) },
    { ...CALLS_GRANTED, limits: { calls: 2 } },
  );
  assert.deepEqual([services.calls.length, plugin.counters.limitHits.calls], [2, 1]);
  answer(services.calls[0]!);
  r.check();
  assert.equal(services.calls.length, 3);
});

test('limits.callBytes bounds requests and answers under way together, and is free when they have ended', async t => {
  const { r, services, plugin } = await waiting(
    t,
    p => {
      assert.ok(httpCall(p, { body: 'a'.repeat(600) }) > 0);
      assert.equal(httpCall(p, { body: 'a'.repeat(500) }), -INTERNAL_FAILURE);
      assert.ok(httpCall(p, { body: 'a'.repeat(300) }) > 0);
    },
    {},
    { ...CALLS_GRANTED, limits: { callBytes: 1024 } },
  );
  const [first, second] = services.calls;
  first!.handler.onHeaders(200, []);
  first!.handler.onData(Buffer.alloc(124));
  assert.equal(plugin.counters.callBytes, 1024);
  second!.handler.onHeaders(200, []);
  second!.handler.onData(Buffer.alloc(1));
  assert.equal(second!.aborted, true);
  assert.deepEqual(answers(r), ['http_call_response(1,2,0,0,0)']);
  assert.deepEqual([plugin.counters.callBytes, plugin.counters.limitHits.callBytes], [724, 2]);
  first!.handler.onEnd([]);
  r.check();
  assert.deepEqual([plugin.counters.callBytes, plugin.counters.calls], [0, 0]);
});

test('an answer over limits.bufferedBody fails, and is read no further', async t => {
  let reason = '';
  const { r, services, plugin } = await waiting(
    t,
    p => {
      httpCall(p);
      httpCall(p);
    },
    {
      proxy_on_http_call_response: (p, _root, call) => {
        if (call === 2) reason = status(p);
        else assert.equal(p.body(BODY), 'a'.repeat(1024));
      },
    },
  );
  const [fits, over] = services.calls;
  answer(fits!, 200, [], ['a'.repeat(1000), 'a'.repeat(24)]);
  over!.handler.onHeaders(200, []);
  over!.handler.onData(Buffer.alloc(1024));
  over!.handler.onData(Buffer.alloc(1));
  r.check();
  assert.deepEqual(answers(r).at(-1), 'http_call_response(1,2,0,0,0)');
  assert.match(reason, /^9 .*limits\.bufferedBody/);
  assert.equal(over!.aborted, true);
  assert.equal(plugin.counters.limitHits.bufferedBody, 1);
});

test('headers and trailers of an answer over limits.headerCount or headerBytes fail it', async t => {
  const services = new FakeServices();
  const r = await rig({ proxy_on_request_headers: p => void httpCall(p) }, {}, undefined, services);
  const plugin = r.start({ ...CALLS_GRANTED, limits: { headerCount: 3, headerBytes: 1024 } });
  t.after(() => plugin.close());
  const many = (count: number) => Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']).flat();
  const large = ['x-large', 'v'.repeat(1024)];
  const kinds: [headers: string[], trailers: string[]][] = [
    [many(4), []],
    [large, []],
    [[], many(4)],
    [[], large],
  ];
  for (const [headers, trailers] of kinds) {
    new Drive(r.chain(plugin)).headers(true);
    const call = services.calls.at(-1)!;
    answer(call, 200, headers, ['body'], trailers);
    assert.match(r.calls.filter(each => each.startsWith('http_call_response')).at(-1)!, /,0,0,0\)$/);
    assert.equal(call.aborted, true);
  }
  const { limitHits, calls } = plugin.counters;
  assert.deepEqual([limitHits.headerCount, limitHits.headerBytes, calls], [2, 2, 0]);
  assert.equal(r.calls.filter(each => each.startsWith('http_call_response')).length, 4, 'each is told once');
});

test('what is no request, or more than the limits, is BAD_ARGUMENT and not sent', async t => {
  const { services, plugin } = await waiting(t, p => {
    const base = [':method', 'GET', ':path', '/', ':authority', 'a'];
    for (const change of [
      { headers: [] },
      { headers: base.slice(2) },
      { headers: [...base.slice(0, 2), ...base.slice(4)] },
      { headers: base.slice(0, 4) },
      { headers: [':method', '', ...base.slice(2)] },
      { headers: [':method', 'CONNECT', ...base.slice(2)] },
      { headers: [':method', 'G ET', ...base.slice(2)] },
      { headers: [':method', 'GET', ':path', 'no-slash', ':authority', 'a'] },
      { headers: [':method', 'GET', ':path', '/a b', ':authority', 'a'] },
      { headers: [':method', 'GET', ':path', '/\r\nx: y', ':authority', 'a'] },
      { headers: [...base.slice(0, 4), ':authority', 'a\r\nx: y'] },
      { headers: [...base, 'x a', '1'] },
      { headers: [...base, '', '1'] },
      { headers: [...base, 'x-a', '1\r\nx-b: 2'] },
      { headers: [...base, ':status', '200'] },
      { trailers: [':path', '/'] },
      { trailers: ['x', 'a\nb'] },
      { body: Buffer.alloc(1025) },
      { timeout: -1 },
      { headers: [...base, ...Array.from({ length: 520 }, () => 'x')] },
    ]) {
      assert.equal(httpCall(p, change), -BAD_ARGUMENT, JSON.stringify(change).slice(0, 200));
    }
    for (const bytes of [[1], [1, 0, 0, 0], [1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]]) {
      const args = callArgs(p);
      for (const at of [2, 6]) {
        const [ptr, size] = p.put(Buffer.from(bytes));
        assert.equal(p.call('proxy_http_call', ...args.with(at, ptr).with(at + 1, size)), BAD_ARGUMENT);
      }
    }
    // The longest timeout and body there are.
    assert.ok(httpCall(p, { timeout: 0x7fffffff, body: Buffer.alloc(1024) }) > 0);
  });
  assert.equal(services.calls.length, 1);
  assert.equal(plugin.counters.calls, 1);
  assert.equal(plugin.counters.limitHits.bufferedBody, 1);
  assert.equal(plugin.counters.limitHits.headerCount, 1);
});

test('an upstream that was not granted is BAD_ARGUMENT, and the log says once what would allow it', async t => {
  const { r, services } = await waiting(t, p => {
    for (let i = 0; i < 3; i++) assert.equal(httpCall(p, { upstream: 'other' }), -BAD_ARGUMENT);
    for (const upstream of ['', 'Auth', 'auth\0', '\xff', 'x'.repeat(513)]) {
      assert.equal(httpCall(p, { upstream }), -BAD_ARGUMENT, upstream);
    }
  });
  assert.deepEqual(services.calls, []);
  const lines = r.log.texts.filter(text => text.includes('upstream other'));
  assert.equal(lines.length, 1);
  assert.match(
    lines[0]!,
    /^warn denied: a call to upstream other \(capabilities: \{upstreams: \[other\]\} would/,
  );
});

test('nothing is granted by default', async t => {
  await waiting(t, p => assert.equal(httpCall(p), -BAD_ARGUMENT), {}, {});
});

test('memory is checked before anything is sent', async t => {
  const { services } = await waiting(t, p => {
    const args = callArgs(p, { body: 'body', trailers: ['x', 'y'], timeout: 5 });
    assertPointersChecked(p, 'proxy_http_call', args, { out: [9], data: [0, 2, 4, 6] });
  });
  assert.deepEqual(services.calls, []);
});

test('proxy_get_status: memory is checked and the allocator is not trusted', async t => {
  const { r, services } = await waiting(t, p => httpCall(p), {
    proxy_on_http_call_response: p => {
      assertPointersChecked(p, 'proxy_get_status', [40, 44, 48], { out: [0, 1, 2] });
      assertAllocatorChecked(p, 'proxy_get_status', [40, 44, 48], Buffer.from('no connection: ü'));
    },
  });
  services.calls[0]!.handler.onError(new UpstreamError('UPSTREAM_CONNECT', 'connect', 'no connection: ü'));
  r.check();
  assert.equal(answers(r).length, 1);
});

for (const callback of [
  'proxy_on_vm_start',
  'proxy_on_configure',
  'proxy_on_request_body',
  'proxy_on_response_headers',
  'proxy_on_response_trailers',
  'proxy_on_done',
  'proxy_on_log',
] as const) {
  test(`calls can be made in ${callback}`, async () => {
    const services = new FakeServices();
    await during(callback, p => void assert.ok(httpCall(p) > 0), { options: CALLS_GRANTED, services });
    assert.equal(services.calls.length, 1);
    // The plugin has ended since: nothing is under way any more.
    assert.equal(services.calls[0]!.aborted, true);
  });
}

test('a module without the callback may call: what comes is dropped', async t => {
  const services = new FakeServices();
  const r = await rig(
    { proxy_on_request_headers: p => void httpCall(p) },
    { abi: '0.2.1', callbacks: ['proxy_on_request_headers'] },
    undefined,
    services,
  );
  const plugin = r.start(CALLS_GRANTED);
  t.after(() => plugin.close());
  new Drive(r.chain(plugin)).headers(true);
  answer(services.calls[0]!);
  r.check();
  assert.equal(plugin.counters.calls, 0);
});
