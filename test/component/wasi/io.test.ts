import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BLOCKING_WRITE_MAX_BYTES,
  type ByteSink,
  type ByteSource,
  InputStream,
  IoError,
  OutputStream,
  Pollable,
  poll,
  READ_MAX_BYTES,
  RESOURCES_MAX,
  type WaitMode,
  WasiInstance,
  WRITE_MAX_BYTES,
} from '../../../src/component/wasi/io/index.ts';
import { InstanceClosed, WasiTrap, WouldWait } from '../../../src/component/wasi/trap.ts';

/** A source that is fed by hand. */
class Pipe implements ByteSource {
  bytes = Buffer.alloc(0);
  end: 'closed' | IoError | undefined;
  closed = 0;
  asked = 0;
  #signal = Promise.withResolvers<void>();

  feed(text: string): void {
    this.bytes = Buffer.concat([this.bytes, Buffer.from(text)]);
    this.#wake();
  }

  finish(how: 'closed' | IoError): void {
    this.end = how;
    this.#wake();
  }

  read(max: number): Uint8Array | 'would-block' | 'closed' | IoError {
    if (this.bytes.length > 0) {
      const part = this.bytes.subarray(0, max);
      this.bytes = this.bytes.subarray(part.length);
      return part;
    }
    return this.end ?? 'would-block';
  }

  ready(): Promise<void> | undefined {
    this.asked++;
    return this.bytes.length > 0 || this.end !== undefined ? undefined : this.#signal.promise;
  }

  close(): void {
    this.closed++;
  }

  #wake(): void {
    this.#signal.resolve();
    this.#signal = Promise.withResolvers();
  }
}

/** A sink that takes `room` bytes until it is drained by hand. */
class Drain implements ByteSink {
  room: number;
  written = '';
  flushes = 0;
  state: 'closed' | IoError | undefined;
  closed = 0;
  #signal = Promise.withResolvers<void>();

  constructor(room: number) {
    this.room = room;
  }

  credit(): number | 'closed' | IoError {
    return this.state ?? this.room;
  }

  write(bytes: Uint8Array): void {
    this.written += Buffer.from(bytes).toString();
    this.room -= bytes.length;
  }

  flush(): void {
    this.flushes++;
  }

  ready(): Promise<void> | undefined {
    return this.state !== undefined || this.room > 0 ? undefined : this.#signal.promise;
  }

  close(): void {
    this.closed++;
  }

  drain(room: number): void {
    this.room = room;
    this.#signal.resolve();
    this.#signal = Promise.withResolvers();
  }
}

function input(mode: WaitMode = 'sync') {
  const instance = new WasiInstance(mode);
  const pipe = new Pipe();
  return { instance, pipe, stream: new InputStream(instance, pipe) };
}

function output(room: number, mode: WaitMode = 'sync') {
  const instance = new WasiInstance(mode);
  const drain = new Drain(room);
  return { instance, drain, stream: new OutputStream(instance, drain) };
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const CLOSED = { tag: 'closed' };
const turn = () => new Promise(resolve => setImmediate(resolve));

test('read gives what there is, nothing, or how it ended', () => {
  const { pipe, stream } = input();
  assert.equal(stream.read(10n).length, 0);
  pipe.feed('hello');
  assert.equal(text(stream.read(0n)), '');
  assert.equal(text(stream.read(2n)), 'he');
  assert.equal(text(stream.read(2n ** 64n - 1n)), 'llo');
  pipe.finish('closed');
  assert.throws(() => stream.read(1n), CLOSED);
  assert.throws(() => stream.read(0n), CLOSED);
  assert.equal(pipe.closed, 1);
});

test('read of the largest u64 gives READ_MAX_BYTES', () => {
  const { pipe, stream } = input();
  pipe.feed('x'.repeat(READ_MAX_BYTES + 1));
  assert.equal(stream.read(2n ** 64n - 1n).length, READ_MAX_BYTES);
  assert.equal(stream.skip(2n ** 64n - 1n), 1n);
});

test('a failure is told once, then the stream is closed', () => {
  const { pipe, stream } = input();
  const error = new IoError('connection-reset', 'connection-reset');
  pipe.finish(error);
  assert.throws(() => stream.read(1n), { tag: 'last-operation-failed', val: error });
  assert.throws(() => stream.read(1n), CLOSED);
  assert.equal(error.toDebugString(), 'connection-reset');
});

test('sync: what would have to wait is a trap, what need not wait is not', () => {
  const { instance, pipe, stream } = input();
  const pollable = stream.subscribe();
  assert.equal(pollable.ready(), false);
  assert.equal(instance.failure, undefined);
  for (const wait of [
    () => stream.blockingRead(1n),
    () => stream.blockingSkip(1n),
    () => pollable.block(),
    () => poll(instance, [pollable]),
  ]) {
    assert.throws(wait, WouldWait);
    assert.throws(wait, /the filter waits in a callback, which can't be; a wasi:http component can/);
    assert.throws(wait, WebAssembly.RuntimeError);
  }
  assert.ok((instance.failure as unknown) instanceof WouldWait);
  assert.deepEqual(poll(instance, [pollable, new Pollable(instance, () => undefined)]), Uint32Array.of(1));
  pipe.feed('ab');
  assert.equal(pollable.block(), undefined);
  assert.deepEqual(poll(instance, [pollable]), Uint32Array.of(0));
  assert.equal(text(stream.blockingRead(1n) as Uint8Array), 'a');
  assert.equal(stream.blockingSkip(9n), 1n);
  assert.equal((stream.blockingRead(0n) as Uint8Array).length, 0);
});

test('jspi: blocking-read, block and poll wait', async () => {
  const { instance, pipe, stream } = input('jspi');
  const pollable = stream.subscribe();
  const read = stream.blockingRead(3n);
  pipe.feed('hello');
  assert.equal(text(await read), 'hel');
  stream.read(9n);
  const waits = [pollable.block(), poll(instance, [pollable]), stream.blockingSkip(1n)];
  pipe.finish('closed');
  await Promise.all(waits.slice(0, 2));
  await assert.rejects(waits[2] as Promise<bigint>, CLOSED);
});

test('jspi: a thousand polls put one reaction on the promise of what never becomes ready', async () => {
  const { instance, pipe, stream } = input('jspi');
  const never = stream.subscribe();
  for (let i = 0; i < 1000; i++) {
    const soon = Promise.resolve();
    let ready = false;
    soon.then(() => {
      ready = true;
    });
    using short = new Pollable(instance, () => (ready ? undefined : soon));
    assert.deepEqual(await poll(instance, [never, short]), Uint32Array.of(1));
  }
  // Asked twice per poll for readiness; armed once.
  assert.ok(pipe.asked <= 2001, `${pipe.asked}`);
});

test('closing the instance ends what waits, and what is asked later', async () => {
  const { instance, stream } = input('jspi');
  const pollable = stream.subscribe();
  const waits = [stream.blockingRead(1n), poll(instance, [pollable])];
  instance.close();
  for (const wait of waits) await assert.rejects(async () => wait, InstanceClosed);
  await assert.rejects(async () => poll(instance, [pollable]), InstanceClosed);
  assert.throws(() => stream.subscribe(), InstanceClosed);
});

test('poll of nothing or of very many is a trap', () => {
  const instance = new WasiInstance('sync');
  assert.throws(() => poll(instance, []), WasiTrap);
  const one = new Pollable(instance, () => undefined);
  assert.throws(() => poll(instance, new Array(1025).fill(one)), WasiTrap);
});

test('resources are counted, and given back by dropping', () => {
  const instance = new WasiInstance('sync');
  const pollables = Array.from({ length: RESOURCES_MAX }, () => new Pollable(instance, () => undefined));
  assert.throws(() => new Pollable(instance, () => undefined), WasiTrap);
  pollables[0]![Symbol.dispose]();
  pollables[0]![Symbol.dispose]();
  new Pollable(instance, () => undefined);
  assert.throws(() => InputStream.empty(instance), WasiTrap);
});

test('a prototype without a resource behind it can do nothing', () => {
  // What jco's glue makes of a handle it doesn't know.
  const forged = Object.create(InputStream.prototype) as InputStream;
  assert.throws(() => forged.read(1n), TypeError);
  assert.throws(() => Object.create(OutputStream.prototype).checkWrite(), TypeError);
  assert.throws(() => Object.create(Pollable.prototype).ready(), TypeError);
});

test('write takes what check-write permitted, and traps on more', () => {
  const { drain, stream } = output(5);
  assert.throws(() => stream.write(Buffer.from('a')), WasiTrap);
  assert.equal(stream.checkWrite(), 5n);
  stream.write(Buffer.from('abc'));
  assert.throws(() => stream.write(Buffer.from('def')), WasiTrap);
  assert.throws(() => stream.writeZeroes(2n ** 64n - 1n), WasiTrap);
  stream.writeZeroes(2n);
  assert.equal(stream.checkWrite(), 0n);
  assert.equal(drain.written, 'abc\0\0');
  stream.write(new Uint8Array(0));
});

test('one write is permitted at most WRITE_MAX_BYTES', () => {
  const { stream } = output(1e9);
  assert.equal(stream.checkWrite(), BigInt(WRITE_MAX_BYTES));
});

test('a sink that closed or failed tells it once, then is closed', () => {
  const { drain, stream } = output(5);
  stream.checkWrite();
  drain.state = new IoError('pipe');
  assert.throws(() => stream.write(Buffer.from('a')), { tag: 'last-operation-failed', val: drain.state });
  assert.throws(() => stream.checkWrite(), CLOSED);
  assert.throws(() => stream.flush(), CLOSED);
  assert.equal(drain.written, '');
  assert.equal(drain.closed, 1);
  stream[Symbol.dispose]();
  assert.equal(drain.closed, 1);
});

test('sync: blocking-write-and-flush works while there is room', () => {
  const { drain, stream } = output(5);
  assert.equal(stream.blockingWriteAndFlush(Buffer.from('abc')), undefined);
  assert.equal(drain.flushes, 1);
  assert.throws(() => stream.blockingWriteAndFlush(Buffer.from('abc')), WouldWait);
  assert.throws(() => stream.blockingWriteAndFlush(new Uint8Array(BLOCKING_WRITE_MAX_BYTES + 1)), WasiTrap);
  assert.throws(() => stream.blockingWriteZeroesAndFlush(2n ** 40n), WasiTrap);
  assert.throws(() => stream.blockingFlush(), WouldWait);
});

test('jspi: blocking-write-and-flush waits for room and for the flush', async () => {
  const { drain, stream } = output(2, 'jspi');
  let done = false;
  const write = Promise.resolve(stream.blockingWriteAndFlush(Buffer.from('abcdef'))).then(() => {
    done = true;
  });
  drain.drain(2);
  await turn();
  drain.drain(2);
  await turn();
  assert.equal(drain.written, 'abcdef');
  assert.equal(drain.flushes, 1);
  assert.equal(done, false);
  drain.drain(1);
  await write;
  const zeroes = stream.blockingWriteZeroesAndFlush(1n);
  drain.drain(1);
  await zeroes;
  assert.equal(drain.written, 'abcdef\0');
});

test('splice moves what can be moved; blocking-splice waits for both sides', async () => {
  const { instance, pipe, stream: source } = input('jspi');
  const drain = new Drain(3);
  const stream = new OutputStream(instance, drain);
  assert.equal(stream.splice(source, 10n), 0n);
  pipe.feed('hello');
  assert.equal(stream.splice(source, 2n ** 64n - 1n), 3n);
  const more = stream.blockingSplice(source, 10n);
  drain.drain(10);
  assert.equal(await more, 2n);
  const last = stream.blockingSplice(source, 10n);
  pipe.finish('closed');
  await assert.rejects(last as Promise<bigint>, CLOSED);
  assert.equal(drain.written, 'hello');
});

test('sync: blocking-splice of nothing is a trap', () => {
  const { instance, stream: source } = input();
  const stream = new OutputStream(instance, new Drain(3));
  assert.throws(() => stream.blockingSplice(source, 1n), WouldWait);
  assert.equal(stream.blockingSplice(source, 0n), 0n);
});

test('a guarded call ends with the instance, or with what poll and block failed of', async () => {
  const never = () => new Promise<void>(() => {});
  const { instance, stream } = input('jspi');
  assert.equal(await instance.guard(Promise.resolve(1)), 1);
  const [first, second] = [instance.guard(never()), instance.guard(never())];
  assert.throws(() => poll(instance, []), WasiTrap);
  await assert.rejects(first, /poll of 0 pollables/);
  await assert.rejects(second, /poll of 0 pollables/);
  await assert.rejects(instance.guard(never()), /poll of 0 pollables/);
  const other = input('jspi');
  const calls = [other.instance.guard(never()), other.stream.subscribe().block()];
  other.instance.close();
  for (const call of calls) await assert.rejects(call as Promise<void>, InstanceClosed);
  assert.equal(stream.read(1n).length, 0);
});
