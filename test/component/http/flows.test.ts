import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorCodeOf, httpErrorCode, statusOf } from '../../../src/component/http/error-code.ts';
import { Fields } from '../../../src/component/http/fields.ts';
import { FutureIncomingResponse, PendingResponse } from '../../../src/component/http/incoming.ts';
import { Inflow } from '../../../src/component/http/inflow.ts';
import { HttpInstance } from '../../../src/component/http/instance.ts';
import { guardLists } from '../../../src/component/http/lists.ts';
import { Outflow } from '../../../src/component/http/outflow.ts';
import { OutgoingResponse } from '../../../src/component/http/outgoing.ts';
import { IoError, WasiInstance } from '../../../src/component/wasi/io/index.ts';
import { WasiTrap } from '../../../src/component/wasi/trap.ts';
import { UpstreamError } from '../../../src/errors.ts';
import { settle } from '../../support/guest.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

function inflow(limit = 10, wanted = true) {
  const told: string[] = [];
  const flow = new Inflow(
    limit,
    { pause: paused => told.push(paused ? 'pause' : 'go on'), drop: () => told.push('drop') },
    wanted,
  );
  return { flow, told };
}

test('a body that comes: pieces, its end, its trailers', async () => {
  const { flow } = inflow();
  assert.equal(flow.read(5), 'would-block');
  const ready = flow.ready();
  assert.ok(ready instanceof Promise);
  flow.push(bytes('hello'));
  await ready;
  assert.equal(flow.ready(), undefined);
  assert.equal((flow.read(2) as Buffer).toString(), 'he');
  assert.equal((flow.read(9) as Buffer).toString(), 'llo');
  flow.end(['a', 'b']);
  assert.equal(flow.read(9), 'closed');
  assert.deepEqual(flow.trailers, ['a', 'b']);
  flow.fail({ tag: 'connection-terminated' });
  assert.equal(flow.failure, undefined);
});

test('a body that breaks off: what came can be read, then the error, with its code', () => {
  const { flow } = inflow();
  flow.push(bytes('x'));
  flow.fail({ tag: 'connection-terminated' });
  flow.push(bytes('late'));
  assert.equal((flow.read(9) as Buffer).toString(), 'x');
  const error = flow.read(9) as IoError;
  assert.ok(error instanceof IoError);
  assert.deepEqual(httpErrorCode(error), { tag: 'connection-terminated' });
  assert.equal(httpErrorCode(new IoError('file', 'no-entry')), undefined);
});

test('the source waits above the limit, and goes on below half of it; never from within', async () => {
  const { flow, told } = inflow(10);
  flow.push(bytes('x'.repeat(11)));
  assert.deepEqual(told, []);
  await settle();
  assert.deepEqual(told, ['pause']);
  flow.read(5);
  await settle();
  assert.deepEqual(told, ['pause']);
  flow.read(1);
  await settle();
  assert.deepEqual(told, ['pause', 'go on']);
});

test('a body is not asked for before it is wanted', async () => {
  const { flow, told } = inflow(10, false);
  assert.equal(flow.starved, false);
  await settle();
  assert.deepEqual(told, []);
  flow.read(1);
  await settle();
  assert.deepEqual(told, ['go on']);
  assert.equal(flow.starved, true);
});

test('a body that is let go: nothing is kept, and the source hears it once, unless all had come', async () => {
  const { flow, told } = inflow();
  flow.push(bytes('x'));
  flow.drop();
  flow.drop();
  flow.push(bytes('x'.repeat(100)));
  await settle();
  assert.deepEqual(told, ['drop']);
  const whole = inflow();
  whole.flow.end();
  whole.flow.drop();
  await settle();
  assert.deepEqual(whole.told, []);
});

function outflow(declared = -1) {
  const told: string[] = [];
  const target = {
    isFull: false,
    full: () => target.isFull,
    data: (chunk: Buffer, end: boolean) => void told.push(`${chunk.toString()}${end ? ' end' : ''}`),
    trailers: (raw: readonly string[]) => void told.push(`trailers ${raw.join()}`),
    broken: (reason: string) => void told.push(`broken: ${reason}`),
  };
  return { flow: new Outflow(declared, 'response'), target, told };
}

test('a body that goes: nothing before its message, or while the guest is on the stack', async () => {
  const { flow, target, told } = outflow();
  flow.write(bytes('a'));
  await settle();
  assert.deepEqual(told, []);
  flow.attach(target);
  assert.deepEqual(told, ['a']);
  flow.write(bytes('b'));
  assert.deepEqual(told, ['a']);
  flow.finish(undefined);
  await settle();
  assert.deepEqual(told, ['a', 'b end']);
  assert.equal(flow.over, true);
});

test('a whole body before its message has a length', () => {
  const { flow } = outflow();
  flow.write(bytes('abc'));
  assert.equal(flow.length, -1);
  flow.finish(undefined);
  assert.deepEqual([flow.length, flow.empty], [3, false]);
  const empty = outflow().flow;
  empty.finish([]);
  assert.deepEqual([empty.length, empty.empty], [0, true]);
  const trailers = outflow().flow;
  trailers.finish(['a', 'b']);
  assert.deepEqual([trailers.length, trailers.empty], [-1, false]);
});

test('credit: what is written and not sent; a full target stops it, a flush waits', async () => {
  const { flow, target, told } = outflow();
  flow.attach(target);
  target.isFull = true;
  const credit = flow.credit() as number;
  flow.write(Buffer.alloc(credit));
  await settle();
  assert.equal(flow.credit(), 0);
  assert.equal(flow.stuck, true);
  const ready = flow.ready()!;
  target.isFull = false;
  flow.drain();
  await ready;
  assert.equal(flow.credit(), credit);
  assert.equal(told.length, 1);
  flow.write(bytes('x'));
  flow.flush();
  assert.equal(flow.credit(), 0);
  await flow.ready();
  assert.equal(flow.credit(), credit);
});

test('a Content-Length that is not kept: too short is told by finish, too long by the next write', async () => {
  const short = outflow(3);
  short.flow.attach(short.target);
  short.flow.write(bytes('ab'));
  assert.throws(
    () => short.flow.finish(undefined),
    (code: unknown) => {
      assert.deepEqual(code, { tag: 'HTTP-response-body-size', val: 2n });
      return true;
    },
  );
  await settle();
  assert.match(short.told.at(-1)!, /^broken: its body has 2 bytes/);
  const long = outflow(3);
  long.flow.attach(long.target);
  long.flow.write(bytes('abcd'));
  const error = long.flow.credit() as IoError;
  assert.deepEqual(error.code, { tag: 'HTTP-response-body-size', val: 4n });
  await settle();
  assert.deepEqual(long.told, ['broken: its body is longer than the Content-Length it set (3)']);
});

test('a body that was broken off can not be finished, though what was written still waits', async () => {
  const { flow, target, told } = outflow();
  flow.attach(target);
  target.isFull = true;
  flow.write(bytes('a'));
  flow.break('left');
  assert.throws(() => flow.finish(undefined));
  target.isFull = false;
  flow.drain();
  await settle();
  assert.deepEqual(told, ['a', 'broken: left']);
});

test('the other side goes: closed, or an error with its code', () => {
  const gone = outflow().flow;
  gone.fail();
  assert.equal(gone.credit(), 'closed');
  const failed = outflow().flow;
  failed.fail({ tag: 'connection-terminated' });
  assert.ok(failed.credit() instanceof IoError);
  failed.write(bytes('x'));
  failed.break('late');
  assert.equal(failed.over, true);
});

function instance(limits: Partial<{ headerCount: number; headerBytes: number }> = {}) {
  const hits: string[] = [];
  const wasi = new WasiInstance('jspi');
  const made = new HttpInstance(wasi, {
    headerCount: 100,
    headerBytes: 1000,
    bufferedBody: 1000,
    hit: limit => void hits.push(limit),
    ...limits,
  });
  return { instance: made, wasi, hits };
}

test('fields: copies share what they hold until one is changed', () => {
  const { instance: of } = instance();
  const one = new Fields(of);
  one.append('a', bytes('1'));
  const two = one.clone();
  const view = one.view();
  two.append('b', bytes('2'));
  one.append('c', bytes('3'));
  assert.deepEqual(one.raw, ['a', '1', 'c', '3']);
  assert.deepEqual(two.raw, ['a', '1', 'b', '2']);
  assert.deepEqual(view.raw, ['a', '1']);
});

test('fields: all of an instance together are bounded; what is dropped counts no more', () => {
  const { instance: of, hits } = instance();
  const value = Buffer.alloc(900, 'x');
  const hold = (kept: Fields[], count: number) => {
    for (let i = 0; i < count; i++) {
      const fields = new Fields(of);
      fields.append('a', value);
      kept.push(fields);
    }
  };
  for (let i = 0; i < 10; i++) {
    const kept: Fields[] = [];
    hold(kept, 17);
    for (const fields of kept) fields[Symbol.dispose]();
  }
  assert.throws(() => hold([], 18), WasiTrap);
  assert.deepEqual(hits, ['headerBytes']);
});

test('fields: a copy counts although what it was copied from is dropped; one of a message that came does not', () => {
  const hold = (of: HttpInstance, copy: (fields: Fields) => Fields) => {
    const fields = new Fields(of);
    fields.append('a', Buffer.alloc(900, 'x'));
    const held = copy(fields);
    fields[Symbol.dispose]();
    return held;
  };
  for (const copy of [(fields: Fields) => fields.clone(), (fields: Fields) => fields.view()]) {
    const { instance: of, hits } = instance();
    for (let i = 0; i < 100; i++) hold(of, copy)[Symbol.dispose]();
    const kept: Fields[] = [];
    assert.throws(() => {
      for (let i = 0; i < 18; i++) kept.push(hold(of, copy));
    }, WasiTrap);
    assert.ok(kept.length > 10);
    assert.deepEqual(hits, ['headerBytes']);
  }
  const came = Fields.incoming(instance().instance, ['a', 'x'.repeat(900)]);
  for (let i = 0; i < 100; i++) came.clone();
});

test('a response that comes when nobody wants it any more is dropped', async () => {
  const { instance: of, wasi } = instance();
  const pending = new PendingResponse();
  const future = new FutureIncomingResponse(of, pending);
  future[Symbol.dispose]();
  assert.equal(wasi.resources, 0);
  const { flow, told } = inflow();
  pending.came(200, [], flow);
  await settle();
  assert.deepEqual(told, ['drop']);
});

test('lists of lists are measured before anybody copies them', () => {
  const { instance: of, hits } = instance();
  const memory = new WebAssembly.Memory({ initial: 1 });
  const view = new DataView(memory.buffer);
  let calls = 0;
  const guarded = guardLists(
    {
      'wasi:http/types@0.2.3': {
        '[static]fields.from-list': () => calls++,
        '[method]fields.set': () => calls++,
        other: () => 0,
      },
      'wasi:io/poll@0.2.3': {},
    } as never,
    of.limits,
    () => memory,
  )['wasi:http/types@0.2.3'] as Record<string, (...args: number[]) => unknown>;
  const { '[static]fields.from-list': fromList, '[method]fields.set': set } = guarded;
  for (let i = 0; i < 100; i++) {
    view.setUint32(i * 16 + 4, 5, true);
    view.setUint32(i * 16 + 12, 5, true);
  }
  fromList!(0, 90, 8000);
  assert.throws(() => fromList!(0, 100, 8000), WasiTrap);
  assert.throws(() => fromList!(0, -1, 8000), WasiTrap);
  // What isn't in the memory is for the glue to refuse.
  fromList!(65_530, 5, 8000);
  view.setUint32(4, 990, true);
  set!(1, 0, 1, 0, 1, 8000);
  view.setUint32(4, 1000, true);
  assert.throws(() => set!(1, 0, 1, 0, 1, 8000), WasiTrap);
  assert.equal(calls, 3);
  assert.equal(hits.length, 3);
});

test('errors of upstreams, as codes and as statuses', () => {
  const code = (...args: ConstructorParameters<typeof UpstreamError>) =>
    errorCodeOf(new UpstreamError(...args), false).tag;
  assert.equal(code('UPSTREAM_CONNECT', 'connect', 'ECONNREFUSED'), 'connection-refused');
  assert.equal(code('UPSTREAM_CONNECT', 'connect', 'ENOTFOUND'), 'DNS-error');
  assert.equal(code('UPSTREAM_CONNECT', 'connect', 'no endpoint'), 'destination-unavailable');
  assert.equal(code('UPSTREAM_TIMEOUT', 'connect', ''), 'connection-timeout');
  assert.equal(code('UPSTREAM_TIMEOUT', 'response', ''), 'HTTP-response-timeout');
  assert.equal(code('UPSTREAM_RESET', 'response', ''), 'connection-terminated');
  assert.equal(code('UPSTREAM_PROTOCOL', 'response', ''), 'HTTP-protocol-error');
  const begun = new UpstreamError('UPSTREAM_RESET', 'response', '');
  assert.equal(errorCodeOf(begun, true).tag, 'HTTP-response-incomplete');
  assert.deepEqual(
    [
      { tag: 'connection-timeout' },
      { tag: 'connection-refused' },
      { tag: 'HTTP-request-method-invalid' },
    ].map(each => statusOf(each as never)),
    [504, 502, 405],
  );
});

test('bodies of messages that are not sent are bounded, within one request', () => {
  const instance = new HttpInstance(new WasiInstance('jspi'), {
    headerCount: 10,
    headerBytes: 1000,
    bufferedBody: 1000,
    hit() {},
  });
  const piece = Buffer.alloc(64 * 1024);
  const unsent = () => {
    const response = new OutgoingResponse(instance, new Fields(instance));
    response.body();
    response.outflow!.write(piece);
    return response;
  };
  instance.begin(false);
  for (let i = 0; i < 64; i++) unsent();
  assert.throws(unsent, /more than 4194304 bytes in bodies of messages that were not sent/);
  instance.begin(false);
  const target = { full: () => false, data() {}, trailers() {}, broken() {} };
  for (let i = 0; i < 200; i++) unsent().outflow!.attach(target);
});
