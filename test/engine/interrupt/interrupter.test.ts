import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { Interrupter } from '../../../src/engine/interrupt/interrupter.ts';
import { QUIET } from '../../../src/engine/interrupt/protocol.ts';
import { PluginError } from '../../../src/errors.ts';
import { makeGuest } from './guest.ts';

const workers: Worker[] = [];
const note = (worker: Worker) => void workers.push(worker);
process.on('worker', note);
after(() => process.off('worker', note));

const interrupter = await Interrupter.ofThread();
const guest = makeGuest(interrupter.memory);
const flag = () => new Int32Array(interrupter.memory.buffer)[0];

/** Runs an endless callback; it has to trap within 2 s. */
function endless(budget: number): void {
  const start = performance.now();
  interrupter.enter(budget);
  assert.throws(() => guest.endless(), WebAssembly.RuntimeError);
  assert.equal(interrupter.leave(), true);
  assert.equal(flag(), 0);
  assert.ok(performance.now() - start < 2000 + budget);
}

test('one per thread, whose memory is shared', async () => {
  assert.equal(await Interrupter.ofThread(), interrupter);
  assert.ok((interrupter.memory.buffer as unknown) instanceof SharedArrayBuffer);
  assert.equal(interrupter.memory.buffer.byteLength, 65536);
});

test('an endless callback ends, and the next one runs', () => {
  for (const budget of [1, 10, 50, 1]) {
    endless(budget);
    interrupter.enter(5000);
    guest.spin(100_000);
    assert.equal(interrupter.leave(), false);
  }
});

test('an idle time between callbacks counts for nobody', async () => {
  interrupter.enter(1);
  guest.nop();
  interrupter.leave();
  await sleep(30);
  interrupter.enter(1000);
  guest.spin(1000);
  assert.equal(interrupter.leave(), false);
});

test('the outermost callback counts', () => {
  interrupter.enter(20);
  interrupter.enter(100_000);
  assert.throws(() => guest.endless(), WebAssembly.RuntimeError);
  assert.equal(interrupter.leave(), false);
  assert.equal(flag(), 1);
  assert.equal(interrupter.leave(), true);
  assert.equal(flag(), 0);

  interrupter.enter(5000);
  interrupter.enter(1);
  guest.spin(1000);
  assert.equal(interrupter.leave(), false);
  assert.equal(interrupter.leave(), false);
});

test('a callback that begins while the watchdog sleeps is watched', async () => {
  for (let i = 0; i < 3; i++) {
    await sleep(QUIET + 200);
    endless(5);
  }
});

test('a watchdog that died is replaced; until then nobody enters', async () => {
  for (const asleep of [false, true]) {
    if (asleep) await sleep(QUIET + 200);
    const before = workers.length;
    const warned = once(process, 'warning');
    await workers.at(-1)!.terminate();
    assert.throws(() => interrupter.enter(1), { name: PluginError.name, code: 'PLUGIN_DOWN' });
    assert.match(String((await warned)[0]), /watchdog/);
    const deadline = performance.now() + 20_000;
    for (;;) {
      try {
        interrupter.enter(1000);
        break;
      } catch {
        assert.ok(performance.now() < deadline);
        await sleep(5);
      }
    }
    guest.nop();
    assert.equal(interrupter.leave(), false);
    assert.equal(workers.length, before + 1);
    endless(5);
  }
});

/** Runs a program that has an interrupter, and says how long its end took from when it said so. */
async function exits(program: string): Promise<{ code: number | null; ms: number; output: string }> {
  const url = new URL('../../../src/engine/interrupt/interrupter.ts', import.meta.url).href;
  const text = `
    import { Interrupter } from ${JSON.stringify(url)};
    const i = await Interrupter.ofThread();
    const flag = new Int32Array(i.memory.buffer);
    const run = () => { i.enter(2); while (Atomics.load(flag, 0) === 0); return i.leave(); };
    if (!run()) throw new Error('not interrupted');
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let end = 0;
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    output += data;
    end = performance.now();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ms: performance.now() - end, output };
}

for (const [how, program] of [
  ['at its natural end', `console.log('end');`],
  ['by process.exit', `console.log('end'); process.exit(0);`],
  [
    'while the watchdog sleeps',
    `await new Promise(done => setTimeout(done, ${QUIET + 300})); console.log('end');`,
  ],
  [
    'by process.exit while the watchdog sleeps',
    `await new Promise(done => setTimeout(done, ${QUIET + 300})); console.log('end'); process.exit(0);`,
  ],
] as const) {
  test(`the watchdog doesn't keep a process that ends ${how}`, async () => {
    const { code, ms, output } = await exits(program);
    assert.equal(output, 'end\n');
    assert.equal(code, 0);
    assert.ok(ms < 2000, `${ms} ms`);
  });
}
