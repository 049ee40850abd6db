import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PluginChain } from '../../../src/chain/chain.ts';
import { loweredServices } from '../../../src/component/filter/lowered-services.ts';
import { type CoreGuest, lowering } from '../../../src/component/filter/lowering.ts';
import { CALL_TYPES } from '../../../src/component/filter/signatures.ts';
import { sha256 } from '../../../src/engine/compile.ts';
import { Interrupter } from '../../../src/engine/interrupt/interrupter.ts';
import { GuestMemory } from '../../../src/engine/memory.ts';
import { BodyBuffer } from '../../../src/message/body.ts';
import { FieldMap } from '../../../src/message/fields.ts';
import { NO_CAPABILITIES } from '../../../src/plugin/capabilities.ts';
import { compileFilter } from '../../../src/plugin/compile.ts';
import { Context } from '../../../src/plugin/context.ts';
import { VmRegistry } from '../../../src/plugin/registry.ts';
import { PluginState } from '../../../src/plugin/state.ts';
import { componentOf } from '../../hostile/component-build.ts';
import { LIMITS, pluginOptions } from '../../support/guest.ts';
import { Drive } from '../../support/guest-exchange.ts';
import { GuestLog } from '../../support/guest-log.ts';
import { FakeServices } from '../../support/services.ts';
import { ROADS } from '../support.ts';

const CAPABILITIES = { ...NO_CAPABILITIES, upstreams: ['auth'], sharedData: true };
const SIZE = 65_536;
/** What the host is given when it asks for memory. */
const HEAP = SIZE - 4096;

/** It has what it is asked for. */
class Generous extends Context {
  override fields = () => new FieldMap(['name', 'value']);
  override buffer = () => new BodyBuffer(Buffer.alloc(2000));
  override callStatus = () => ({ code: 9, message: 'möglich' });
  override httpCall = () => 1;
  override grpcCall = () => 2 ** 32 - 1;
  override sharedData = () => ({ value: Buffer.alloc(100), cas: 7 });
  override registerQueue = () => 1;
  override dequeue = () => Buffer.alloc(100);
  override defineMetric = () => 1;
  override metricValue = () => 2n ** 64n - 1n;
  override callForeignFunction = () => Buffer.alloc(100);
}

test('numbers of all kinds end in an answer or a trap, and no byte outside of the result is written', () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const guest = new GuestMemory(memory);
  const state = new PluginState(
    pluginOptions({ capabilities: CAPABILITIES }),
    new GuestLog('fatal'),
    new FakeServices(),
  );
  const core: CoreGuest = {
    memory: guest,
    host: new Generous(1, state),
    allocate(size) {
      if (size > 4096) throw new WebAssembly.RuntimeError('no memory');
      return HEAP;
    },
    setEffectiveContext: () => 0,
    refused() {},
  };
  const low = lowering(core);
  const numbers = [0, 1, 2, 7, 8, SIZE - 20, SIZE - 1, SIZE, SIZE + 1, 2 ** 31 - 1, -(2 ** 31), -1];
  let seed = 1;
  const next = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed >>> 8;
  };
  const untouched = Buffer.alloc(HEAP, 0xaa);
  const traps = new Set<string>();
  let answers = 0;
  const calls = Object.entries(loweredServices(core, low)).flatMap(([from, functions]) =>
    Object.entries(functions).map(([name, call]) => [from, name, call] as const),
  );
  for (const [from, names] of Object.entries(Object.groupBy(calls, ([from]) => from)))
    assert.deepEqual(names?.map(([, name]) => name).sort(), Object.keys(CALL_TYPES[from]!).sort());
  for (let round = 0; round < 2000; round++) {
    for (const [from, name, call] of calls) {
      const [params = ''] = CALL_TYPES[from]![name]!.split(':');
      const args = [...params].map(letter => {
        const value = numbers[next() % numbers.length]!;
        return letter === 'l' ? BigInt(value) : value;
      });
      // The last is where the result goes.
      guest.bytes.fill(0xaa);
      try {
        (call as (...args: unknown[]) => unknown)(...args);
        answers++;
      } catch (error) {
        assert.ok(error instanceof WebAssembly.RuntimeError, `${from} ${name} ${args}: ${error}`);
        traps.add(error.message.replace(/\d+/g, 'N'));
      }
      const ret = Number(args.at(-1)) >>> 0;
      guest.bytes.fill(0xaa, Math.min(ret, SIZE), Math.min(ret + 20, SIZE));
      assert.ok(guest.bytes.subarray(0, HEAP).equals(untouched), `${from} ${name} ${args}`);
    }
  }
  assert.ok(answers > 1000, String(answers));
  assert.ok(traps.has('canonical ABI: N bytes at N are outside of the memory'), [...traps].join('\n'));
});

async function started(text: string, lifted: boolean) {
  const log = new GuestLog('info');
  const services = new FakeServices();
  const bytes = await componentOf(text, lifted);
  const hash = sha256(bytes);
  const compiled = await compileFilter({ bytes, hash, limits: LIMITS, plugs: [], key: hash }, undefined);
  const registry = new VmRegistry({ log, interrupter: await Interrupter.ofThread(), services });
  const start = () => registry.start(compiled, pluginOptions({ capabilities: CAPABILITIES }));
  return { log, services, start };
}

/** What a component does when it handles request headers, and how its log ends. */
const DIES: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  [
    'sends a request that it never made',
    '(call $http-calls.send (i32.const 7) (i32.const 0))',
    /unknown handle/,
  ],
  ['drops one that it never made', '(call $http-calls.drop.http-request (i32.const 7))', /unknown handle/],
  [
    'sends one twice',
    `(local.set $h (call $http-request.new (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 3)
       (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 3)))
     (call $http-calls.send (local.get $h) (i32.const 64)) (call $http-calls.send (local.get $h) (i32.const 64))`,
    /unknown handle/,
  ],
  [
    'opens a stream with an HTTP request',
    `(local.set $h (call $http-request.new (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 3)
       (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 3)))
     (call $grpc-calls.open-stream (local.get $h) (i32.const 64))`,
    /unknown handle|canonical ABI|resource/i,
  ],
  [
    'has a queue named outside of its memory',
    '(call $shared-queues.register (i32.const -4) (i32.const 100) (i32.const 64))',
    /outside of the memory|typed array length|outside the bounds/,
  ],
  [
    'names a metric type that is none',
    '(call $metrics.define (i32.const 3) (i32.const 0) (i32.const 4) (i32.const 64))',
    /no metric-type|invalid discriminant/,
  ],
  [
    'reads fields of a kind that is none',
    '(call $answers.size (i32.const 4) (i32.const 64))',
    /no fields-type|invalid discriminant/,
  ],
];

for (const { road, straight } of ROADS) {
  describe(`hostile components beyond their streams, ${road}`, () => {
    for (const [name, body, message] of DIES) {
      test(`a guest that ${name} dies`, async () => {
        const text = `;; services\n(data (i32.const 0) "authxyz")
          (func $on-request-headers (param i32 i32 i32) (result i32) (local $h i32) ${body} (i32.const 0))`;
        const { log, services, start } = await started(text, !straight);
        const plugin = start();
        const drive = new Drive(new PluginChain([plugin], log)).headers(true);
        assert.equal(drive.exchange.failure?.status, 503);
        assert.match(log.lines.at(-1)?.message ?? '', message);
        assert.deepEqual([plugin.counters.traps, plugin.counters.hostFaults], [1, 0]);
        assert.deepEqual([services.data.size, services.queues.length, services.cells.length], [0, 0, 0]);
        plugin.close();
      });
    }

    test('a value is not taken out of a queue when it can not be handed over', async () => {
      const text = `;; services\n(data (i32.const 0) "q")
        (func $on-configure (param i32 i32 i32) (result i32)
          (call $shared-queues.register (i32.const 0) (i32.const 1) (i32.const 64))
          (call $shared-queues.enqueue (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)) (i32.const 2048))
        (func $on-request-headers (param i32 i32 i32) (result i32)
          (call $shared-queues.dequeue (i32.const 1) (i32.const -8)) (i32.const 0))`;
      const { log, services, start } = await started(text, !straight);
      const plugin = start();
      new Drive(new PluginChain([plugin], log)).headers(true);
      assert.equal(plugin.counters.traps, 1);
      // jco's glue looks at the place of the result when it has one.
      assert.equal(services.queues[0]!.values.length, straight ? 1 : 0);
      plugin.close();
    });

    test('calls while its start function runs are the end of it', async () => {
      for (const call of [
        '(call $timers.set-tick-period (i32.const 1))',
        '(call $shared-queues.register (i32.const 0) (i32.const 1) (i32.const 64))',
        '(call $shared-data.get (i32.const 0) (i32.const 1) (i32.const 64))',
      ]) {
        const { services, start } = await started(`;; services\n(func $start ${call})`, !straight);
        assert.throws(start, /while it was starting|unreachable|trap/);
        assert.equal(services.queues.length, 0);
      }
    });
  });
}
