import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import type { ProxyWasmPlugin } from '../../src/plugin/plugin.ts';
import { type OptionOverrides, type Puppet, type Rig, rig, type Script, VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';
import { until } from '../support/wait.ts';

const [OK, NOT_FOUND, BAD_ARGUMENT, PARSE_FAILURE, INTERNAL_FAILURE] = [0, 1, 2, 4, 10];
const [INITIAL, TRAILING, MESSAGE] = [4, 5, 5];
const ID = 32;

const GRANTED: OptionOverrides = { capabilities: { ...NO_CAPABILITIES, upstreams: ['auth'] } };

const DEFAULTS = {
  upstream: 'auth' as string | Uint8Array,
  service: 'test.Service',
  method: 'Unary',
  metadata: ['x-a', '1', 'x-b-bin', 'AP8='] as string[],
  message: 'hello' as string | Uint8Array,
  timeout: 500,
};
type Change = Partial<typeof DEFAULTS>;

/** Arguments of proxy_grpc_call, or of proxy_grpc_stream. */
function args(p: Puppet, change: Change, stream: boolean): number[] {
  const { upstream, service, method, metadata, message, timeout } = { ...DEFAULTS, ...change };
  const names = [...p.put(upstream), ...p.put(service), ...p.put(method), ...p.pairs(metadata)];
  return stream ? [...names, ID] : [...names, ...p.put(message), timeout, ID];
}

/** The call's id, or a status negated. */
function call(p: Puppet, change: Change = {}): number {
  p.poison(ID, 4);
  const status = p.call('proxy_grpc_call', ...args(p, change, false));
  if (status !== OK) assert.equal(p.bytes(ID, 4).toString('hex'), 'aaaaaaaa');
  return status === OK ? p.u32(ID) : -status;
}

function stream(p: Puppet, change: Change = {}): number {
  p.poison(ID, 4);
  const status = p.call('proxy_grpc_stream', ...args(p, change, true));
  if (status !== OK) assert.equal(p.bytes(ID, 4).toString('hex'), 'aaaaaaaa');
  return status === OK ? p.u32(ID) : -status;
}

const send = (p: Puppet, id: number, text: string | Uint8Array, end = false) =>
  p.call('proxy_grpc_send', id, ...p.put(text), end ? 1 : 0);

/** Status code and message of the last call. */
function status(p: Puppet): string {
  assert.equal(p.call('proxy_get_status', 40, 44, 48), OK);
  return `${p.u32(40)} ${p.bytes(p.u32(44), p.u32(48)).toString()}`;
}

/** A filter whose context does something while it handles request headers, and then waits. */
async function waiting(
  t: TestContext,
  act: (p: Puppet, context: number) => unknown,
  script: Script = {},
  options: OptionOverrides = GRANTED,
): Promise<{ r: Rig; drive: Drive; services: FakeServices; plugin: ProxyWasmPlugin }> {
  const services = new FakeServices();
  const r = await rig(
    {
      proxy_on_request_headers: (p, context) => {
        act(p, context);
        return 1;
      },
      ...script,
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start(options);
  t.after(() => plugin.close());
  const drive = new Drive(r.chain(plugin)).headers(true);
  r.check();
  return { r, drive, services, plugin };
}

/** Callbacks of gRPC that came. */
const grpc = (r: Rig) => r.calls.filter(name => name.startsWith('grpc_'));

for (const abi of VERSIONS) {
  test(`a call is sent as it was said, with its one message (${abi})`, async () => {
    const services = new FakeServices();
    await during(
      'proxy_on_request_headers',
      p => {
        const id = call(p, { message: Buffer.from([0, 255]) });
        assert.ok(id > 0);
        const second = call(p, { timeout: 0, metadata: [], message: '' });
        assert.ok(second > 0 && second !== id);
      },
      { abi, options: GRANTED, services },
    );
    const [first, second] = services.grpcCalls;
    assert.equal(first?.upstream, 'auth');
    const { service, method, metadata, timeout } = first!.request;
    assert.deepEqual([service, method, timeout], ['test.Service', 'Unary', 500]);
    assert.deepEqual(metadata, ['x-a', '1', 'x-b-bin', 'AP8=']);
    assert.deepEqual([first?.sent, first?.ended], [[Buffer.from([0, 255])], true]);
    assert.deepEqual([second?.request.timeout, second?.request.metadata], [undefined, []]);
    assert.deepEqual([second?.sent, second?.ended], [[Buffer.alloc(0)], true]);
  });
}

test('a stream sends when the guest does, and ends when the guest says so', async t => {
  await waiting(t, p => {
    const id = stream(p);
    assert.equal(send(p, id, 'one'), OK);
    assert.equal(send(p, id, ''), OK);
    assert.equal(send(p, id, 'last', true), OK);
    assert.equal(send(p, id, 'late'), BAD_ARGUMENT);
    assert.equal(p.call('proxy_grpc_close', id), OK);
    const other = stream(p);
    assert.notEqual(other, id);
    assert.equal(p.call('proxy_grpc_close', other), OK);
    assert.equal(send(p, other, 'late'), BAD_ARGUMENT);
  }).then(({ services }) => {
    const [first, second] = services.grpcCalls;
    assert.equal(first?.request.timeout, undefined);
    assert.deepEqual([first?.sent.map(String), first?.ended], [['one', '', 'last'], true]);
    assert.deepEqual([second?.sent, second?.ended], [[], true]);
  });
});

test('an upstream that was not granted is PARSE_FAILURE, and the log says once what would allow it', async t => {
  const { services, r } = await waiting(t, p => {
    for (let i = 0; i < 2; i++) {
      assert.equal(call(p, { upstream: 'other' }), -PARSE_FAILURE);
      assert.equal(stream(p, { upstream: 'other' }), -PARSE_FAILURE);
    }
    for (const upstream of ['', 'Auth', 'auth\0', '\xff\xff\xff\xff\xff', 'a'.repeat(4096)]) {
      assert.equal(call(p, { upstream }), -PARSE_FAILURE, upstream);
    }
    assert.equal(call(p, { upstream: 'a'.repeat(4097) }), -BAD_ARGUMENT);
  });
  assert.deepEqual(services.grpcCalls, []);
  const denials = r.log.texts.filter(text => text.includes('other'));
  assert.equal(denials.length, 1);
  assert.match(denials[0]!, /^warn denied: a call to upstream other .*upstreams/);
});

test('nothing is granted by default, and one that the runtime does not know is PARSE_FAILURE', async t => {
  await waiting(t, p => assert.equal(call(p), -PARSE_FAILURE), {}, {});
  const { services } = await waiting(t, () => {});
  services.grpc.open = () => undefined;
  const r = await rig(
    {
      proxy_on_request_headers: p => assert.deepEqual([call(p), stream(p)], [-PARSE_FAILURE, -PARSE_FAILURE]),
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start(GRANTED);
  t.after(() => plugin.close());
  new Drive(r.chain(plugin)).whole().finish();
  r.check();
  assert.equal(plugin.counters.calls, 0);
});

test('what is denied by name: hostcalls answer INTERNAL_FAILURE, callbacks are not called', async t => {
  const capabilities = {
    ...NO_CAPABILITIES,
    upstreams: ['auth'],
    hostcalls: { deny: ['proxy_grpc_stream'] },
    callbacks: { deny: ['proxy_on_grpc_close'] },
  };
  const { services, r } = await waiting(
    t,
    p => {
      assert.equal(stream(p), -INTERNAL_FAILURE);
      assert.ok(call(p) > 0 && call(p) > 0);
    },
    {},
    { capabilities },
  );
  assert.equal(services.grpcCalls.length, 2);
  services.grpcCalls[0]!.handler.onClose(1, '');
  services.grpcCalls[1]!.handler.onMessage(Buffer.from('x'));
  services.grpcCalls[1]!.handler.onClose(0, '');
  assert.deepEqual(
    grpc(r).map(name => name.replace(/\(.*/, '')),
    ['grpc_receive'],
  );
});

test("the upstream may stand in Envoy's GrpcService", async t => {
  const field = (number: number, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const { services } = await waiting(t, p => {
    const name = field(1, field(1, Buffer.from('auth')));
    assert.ok(call(p, { upstream: name }) > 0);
    // With a timeout (3) and initial metadata (5) of its own.
    assert.ok(
      call(p, { upstream: Buffer.concat([name, field(3, Buffer.from([8, 1])), field(5, Buffer.alloc(0))]) }) >
        0,
    );
    assert.equal(call(p, { upstream: field(1, field(1, Buffer.from('other'))) }), -PARSE_FAILURE);
    assert.equal(call(p, { upstream: field(2, field(1, Buffer.from('auth'))) }), -PARSE_FAILURE);
    assert.equal(call(p, { upstream: name.subarray(0, -1) }), -PARSE_FAILURE);
  });
  assert.deepEqual(
    services.grpcCalls.map(({ upstream }) => upstream),
    ['auth', 'auth'],
  );
});

test('illegal names and metadata, and more than the limits, are BAD_ARGUMENT', async t => {
  const { services, plugin } = await waiting(t, p => {
    for (const change of [
      { service: '' },
      { method: '' },
      { service: 'a b' },
      { method: 'a/b' },
      { method: 'a\r\nb' },
      { service: '\xff' },
      { service: 'a'.repeat(1025) },
      { metadata: ['a b', 'x'] },
      { metadata: ['', 'x'] },
      { metadata: [':path', 'x'] },
      { metadata: ['x', 'a\nb'] },
      { metadata: Array.from({ length: 600 }, () => 'x') },
    ]) {
      assert.equal(call(p, change), -BAD_ARGUMENT, JSON.stringify(change));
      assert.equal(stream(p, change), -BAD_ARGUMENT, JSON.stringify(change));
    }
    assert.equal(call(p, { message: Buffer.alloc(1025) }), -BAD_ARGUMENT);
    assert.equal(call(p, { timeout: -1 }), -BAD_ARGUMENT);
    assert.ok(call(p, { message: Buffer.alloc(1024), timeout: 0x7fffffff }) > 0);
  });
  assert.equal(services.grpcCalls.length, 1);
  assert.ok(plugin.counters.limitHits.bufferedBody > 0);
});

test('pairs that are none are refused', async t => {
  await waiting(t, p => {
    const good = args(p, {}, false);
    for (const bytes of [
      [1],
      [1, 0, 0, 0],
      [255, 255, 255, 255],
      [1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 97, 0, 0],
    ]) {
      const [ptr, size] = p.put(Buffer.from(bytes));
      assert.equal(p.call('proxy_grpc_call', ...good.with(6, ptr).with(7, size)), BAD_ARGUMENT);
    }
  });
});

test('memory is checked', async t => {
  const { services } = await waiting(t, p => {
    assertPointersChecked(p, 'proxy_grpc_call', args(p, {}, false), { out: [11], data: [0, 2, 4, 6, 8] });
    assertPointersChecked(p, 'proxy_grpc_stream', args(p, {}, true), { out: [8], data: [0, 2, 4, 6] });
    assertPointersChecked(p, 'proxy_grpc_send', [1, ...p.put('hello'), 0], { data: [1] });
    assertPointersChecked(p, 'proxy_get_status', [40, 44, 48], { out: [0, 1, 2] });
  });
  assert.deepEqual(services.grpcCalls, []);
});

test('unknown ids are NOT_FOUND', async t => {
  await waiting(t, p => {
    const id = stream(p);
    for (const wrong of [0, id + 1, -1, 0x7fffffff]) {
      assert.equal(send(p, wrong, 'x'), NOT_FOUND);
      assert.equal(p.call('proxy_grpc_close', wrong), NOT_FOUND);
      assert.equal(p.call('proxy_grpc_cancel', wrong), NOT_FOUND);
    }
  });
});

test('a call sends one message, and closing it is cancelling it', async t => {
  const { services, r } = await waiting(t, p => {
    const id = call(p);
    assert.equal(send(p, id, 'x'), BAD_ARGUMENT);
    assert.equal(p.call('proxy_grpc_close', id), OK);
    assert.equal(p.call('proxy_grpc_close', id), NOT_FOUND);
    assert.equal(p.call('proxy_grpc_cancel', id), NOT_FOUND);
  });
  assert.deepEqual([services.grpcCalls[0]?.sent.length, services.grpcCalls[0]?.cancelled], [1, true]);
  services.grpcCalls[0]!.handler.onMessage(Buffer.from('late'));
  services.grpcCalls[0]!.handler.onClose(0, '');
  assert.deepEqual(grpc(r), []);
});

test('what waits to go out is limited, and so is the number of calls', async t => {
  let id = 0;
  const { services, r } = await waiting(
    t,
    p => {
      id = stream(p);
      assert.equal(send(p, id, Buffer.alloc(1025)), BAD_ARGUMENT);
      assert.ok(call(p) > 0);
      assert.equal(call(p), -INTERNAL_FAILURE);
      assert.equal(stream(p), -INTERNAL_FAILURE);
    },
    {},
    { ...GRANTED, limits: { calls: 2 } },
  );
  const first = services.grpcCalls[0]!;
  const p = r.puppet;
  first.buffered = 1020;
  r.script.proxy_on_grpc_receive = () => {
    assert.equal(send(p, id, '12345'), BAD_ARGUMENT);
    assert.equal(send(p, id, '1234'), OK);
    // One has ended: there is room.
    assert.equal(p.call('proxy_grpc_cancel', id), OK);
    assert.ok(stream(p) > 0);
    assert.equal(stream(p), -INTERNAL_FAILURE);
  };
  first.handler.onMessage(Buffer.from('go'));
  r.check();
  assert.deepEqual(first.sent.map(String), ['1234']);
});

test('limits.callBytes bounds what all of them wait to send; what went out is free again', async t => {
  let [id, other] = [0, 0];
  const { services, r, plugin } = await waiting(
    t,
    p => {
      id = stream(p);
      other = stream(p);
      assert.equal(send(p, id, Buffer.alloc(700)), OK);
      assert.equal(send(p, other, Buffer.alloc(200)), OK);
    },
    {},
    { ...GRANTED, limits: { callBytes: 1000 } },
  );
  const [first, second] = services.grpcCalls;
  first!.buffered = 700;
  second!.buffered = 200;
  r.script.proxy_on_grpc_receive = p => {
    assert.equal(send(p, other, Buffer.alloc(200)), BAD_ARGUMENT);
    first!.buffered = 0;
    assert.equal(send(p, other, Buffer.alloc(200)), OK);
    assert.equal(p.call('proxy_grpc_cancel', id), OK);
    assert.equal(p.call('proxy_grpc_cancel', other), OK);
  };
  first!.handler.onMessage(Buffer.from('go'));
  r.check();
  assert.deepEqual([plugin.counters.callBytes, plugin.counters.limitHits.callBytes], [0, 1]);
});

test('a stream hears of all that comes, each while it is told', async t => {
  let id = 0;
  const seen: unknown[] = [];
  const read = (p: Puppet) => [p.header(INITIAL, 'x-i'), p.header(TRAILING, 'x-t'), p.body(MESSAGE)];
  const note = (p: Puppet, context: number, token: number, count: number) => {
    assert.equal(context, 1);
    assert.equal(token, id);
    seen.push([count, ...read(p)]);
  };
  const { services, r } = await waiting(
    t,
    p => {
      id = stream(p);
      seen.push(read(p));
    },
    {
      proxy_on_grpc_receive_initial_metadata: note,
      proxy_on_grpc_receive: note,
      proxy_on_grpc_receive_trailing_metadata: note,
      proxy_on_grpc_close: (p, ...rest) => {
        note(p, ...(rest as unknown as [number, number, number]));
        seen.push(status(p));
        // It is gone.
        assert.equal(send(p, id, 'x'), NOT_FOUND);
      },
    },
  );
  const { handler } = services.grpcCalls[0]!;
  handler.onInitialMetadata(['x-i', 'é', 'x-b-bin', 'AA==']);
  handler.onMessage(Buffer.from('one\0'));
  handler.onMessage(Buffer.alloc(0));
  handler.onTrailingMetadata(['x-t', '2']);
  handler.onClose(5, 'nicht gefunden: ü');
  handler.onMessage(Buffer.from('late'));
  handler.onClose(0, '');
  r.check();
  assert.deepEqual(seen, [
    [BAD_ARGUMENT, BAD_ARGUMENT, NOT_FOUND],
    [2, 'é', BAD_ARGUMENT, NOT_FOUND],
    [4, BAD_ARGUMENT, BAD_ARGUMENT, 'one\0'],
    [0, BAD_ARGUMENT, BAD_ARGUMENT, ''],
    [1, BAD_ARGUMENT, '2', NOT_FOUND],
    [5, BAD_ARGUMENT, BAD_ARGUMENT, NOT_FOUND],
    '5 nicht gefunden: ü',
  ]);
});

test('a call hears of one thing: its message when it went well, else its end', async t => {
  const ids: number[] = [];
  const told: unknown[] = [];
  const { services, r } = await waiting(t, p => ids.push(call(p), call(p), call(p)), {
    proxy_on_grpc_receive: (p, _context, id, size) => told.push([id, size, p.body(MESSAGE), status(p)]),
    proxy_on_grpc_close: (p, _context, id, code) => told.push([id, code, p.body(MESSAGE), status(p)]),
  });
  const [good, failed, empty] = services.grpcCalls;
  for (const { handler } of [good!, failed!, empty!]) handler.onInitialMetadata(['a', 'b']);
  good!.handler.onMessage(Buffer.from('answer'));
  // Not before all went well.
  assert.deepEqual(told, []);
  failed!.handler.onMessage(Buffer.from('answer'));
  for (const { handler } of [good!, failed!, empty!]) handler.onTrailingMetadata([]);
  good!.handler.onClose(0, '');
  failed!.handler.onClose(7, 'no');
  empty!.handler.onClose(0, '');
  assert.deepEqual(told, [
    [ids[0], 6, 'answer', '0 '],
    [ids[1], 7, NOT_FOUND, '7 no'],
    [ids[2], 13, NOT_FOUND, '13 no message'],
  ]);
  assert.deepEqual(
    grpc(r).map(name => name.replace(/\(.*/, '')),
    ['grpc_receive', 'grpc_close', 'grpc_close'],
  );
});

test('on the effective context, too: an answer goes on with the stream that waits', async t => {
  let context = 0;
  const { services, r, drive } = await waiting(
    t,
    (p, id) => {
      context = id;
      call(p);
    },
    {
      proxy_on_grpc_receive: p => {
        assert.equal(p.call('proxy_set_effective_context', context), OK);
        assert.equal(p.setHeader(0, 'x-answer', String(p.body(MESSAGE))), OK);
        assert.equal(p.call('proxy_continue_stream', 0), OK);
      },
    },
  );
  assert.deepEqual(drive.events, []);
  services.grpcCalls[0]!.handler.onMessage(Buffer.from('yes'));
  services.grpcCalls[0]!.handler.onClose(0, '');
  r.check();
  await until(() => drive.events.length > 0);
  assert.deepEqual(drive.events, ['> headers end']);
  assert.equal(drive.exchange.requestHeaders.get('x-answer'), 'yes');
});

test('cancel: the call ends, nothing is told', async t => {
  const { services, r } = await waiting(t, p => {
    const [one, two] = [call(p), stream(p)];
    assert.equal(p.call('proxy_grpc_cancel', one), OK);
    assert.equal(p.call('proxy_grpc_cancel', two), OK);
    assert.equal(p.call('proxy_grpc_cancel', two), NOT_FOUND);
    assert.equal(send(p, two, 'x'), NOT_FOUND);
  });
  for (const { cancelled, handler } of services.grpcCalls) {
    assert.equal(cancelled, true);
    handler.onInitialMetadata([]);
    handler.onMessage(Buffer.from('x'));
    handler.onTrailingMetadata([]);
    handler.onClose(0, '');
  }
  assert.deepEqual(grpc(r), []);
});

test('a guest may call, send and cancel in any callback, and from its root context', async t => {
  const services = new FakeServices();
  const opened: number[] = [];
  const open = (p: Puppet) => {
    opened.push(call(p), stream(p));
  };
  const r = await rig(
    {
      proxy_on_configure: open,
      proxy_on_grpc_receive_initial_metadata: open,
      proxy_on_grpc_receive: (p, _c, id) => void p.call('proxy_grpc_cancel', id),
      proxy_on_grpc_close: open,
      proxy_on_log: open,
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start(GRANTED);
  t.after(() => plugin.close());
  const [, first] = services.grpcCalls;
  first!.handler.onInitialMetadata([]);
  first!.handler.onMessage(Buffer.from('x'));
  assert.equal(first!.cancelled, true);
  first!.handler.onClose(0, '');
  services.grpcCalls[3]!.handler.onClose(1, 'x');
  new Drive(r.chain(plugin)).whole().finish();
  r.check();
  assert.equal(opened.length, 8);
  assert.ok(opened.every(id => id > 0));
  assert.equal(new Set(opened).size, 8);
});

test('metadata over the limits ends a call: RESOURCE_EXHAUSTED', async t => {
  const { services, r } = await waiting(
    t,
    p => {
      stream(p);
      stream(p);
    },
    {},
    { ...GRANTED, limits: { headerCount: 2, headerBytes: 64 } },
  );
  const [count, bytes] = services.grpcCalls;
  count!.handler.onInitialMetadata(['a', '1', 'a', '2', 'a', '3']);
  bytes!.handler.onInitialMetadata(['a', '1']);
  bytes!.handler.onTrailingMetadata(['a', '1'.repeat(64)]);
  bytes!.handler.onClose(0, '');
  assert.deepEqual([count!.cancelled, bytes!.cancelled], [true, true]);
  assert.deepEqual(
    grpc(r).map(name => name.replace(/\(1,\d+,/, '(')),
    ['grpc_close(8)', 'grpc_receive_initial_metadata(1)', 'grpc_close(8)'],
  );
});

test('a stream that ends while it waits takes its calls along, and the guest hears that', async t => {
  const { services, r, drive } = await waiting(t, p => {
    call(p);
    stream(p);
  });
  drive.finish();
  assert.deepEqual(
    services.grpcCalls.map(({ cancelled }) => cancelled),
    [true, true],
  );
  await until(() => grpc(r).length === 2);
  assert.deepEqual(
    grpc(r).map(name => name.replace(/\(1,\d+,/, '(')),
    ['grpc_close(1)', 'grpc_close(1)'],
  );
});

test('a call that nobody waits for outlives its stream', async t => {
  const services = new FakeServices();
  const r = await rig({ proxy_on_request_headers: p => void call(p) }, {}, undefined, services);
  const plugin = r.start(GRANTED);
  t.after(() => plugin.close());
  new Drive(r.chain(plugin)).whole().finish();
  const [first] = services.grpcCalls;
  assert.equal(first!.cancelled, false);
  first!.handler.onMessage(Buffer.from('x'));
  first!.handler.onClose(0, '');
  assert.deepEqual(
    grpc(r).map(name => name.replace(/\(.*/, '')),
    ['grpc_receive'],
  );
});

test('a VM that dies takes its calls along, and so does the end of its plugin', async t => {
  const { services, r, drive } = await waiting(
    t,
    p => {
      call(p);
      stream(p);
    },
    { proxy_on_grpc_receive: p => p.call('trap') },
  );
  const [other, first] = services.grpcCalls;
  first!.handler.onMessage(Buffer.from('x'));
  await until(() => other!.cancelled && first!.cancelled);
  other!.handler.onClose(0, '');
  assert.equal(grpc(r).length, 1);
  assert.match(drive.events.join(), /fail 503/);

  const closing = new FakeServices();
  const s = await rig({ proxy_on_configure: p => void stream(p) }, {}, undefined, closing);
  s.start(GRANTED).close();
  assert.equal(closing.grpcCalls[0]?.cancelled, true);
  closing.grpcCalls[0]!.handler.onMessage(Buffer.from('x'));
  assert.deepEqual(grpc(s), []);
});

test('a module without callbacks makes calls that it does not hear of', async t => {
  const services = new FakeServices();
  const r = await rig(
    { proxy_on_request_headers: p => void [call(p), stream(p)] },
    { callbacks: ['proxy_on_context_create', 'proxy_on_request_headers'] },
    undefined,
    services,
  );
  const plugin = r.start(GRANTED);
  t.after(() => plugin.close());
  new Drive(r.chain(plugin)).whole().finish();
  for (const { handler } of services.grpcCalls) {
    handler.onInitialMetadata([]);
    handler.onMessage(Buffer.from('x'));
    handler.onTrailingMetadata([]);
    handler.onClose(0, '');
  }
  assert.equal(plugin.counters.calls, 0);
});
