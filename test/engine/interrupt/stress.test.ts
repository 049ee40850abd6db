import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interrupter } from '../../../src/engine/interrupt/interrupter.ts';
import { makeGuest } from './guest.ts';

/** WEIR_STRESS_SECONDS lengthens it. */
const seconds = Number(process.env['WEIR_STRESS_SECONDS'] ?? 8);

const interrupter = await Interrupter.ofThread();
const guest = makeGuest(interrupter.memory);
const words = new Int32Array(interrupter.memory.buffer);

/** ms that interrupted callbacks lived longer than they should. */
const late: number[] = [];
const counts = { callbacks: 0, interrupted: 0, escaped: 0 };

/** One callback; throws when anything happened to it that should not. */
function callback(budget: number, turns: number): void {
  counts.callbacks++;
  let trapped = false;
  const start = performance.now();
  interrupter.enter(budget);
  try {
    if (turns === 0) guest.nop();
    else if (turns === Infinity) guest.endless();
    else guest.spin(turns);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    trapped = true;
  }
  const hit = interrupter.leave();
  const life = performance.now() - start;
  if (Atomics.load(words, 0) !== 0) assert.fail('the flag is set after a callback');
  if (trapped && !hit) assert.fail('a callback was hit for another');
  if (!hit) return;
  if (life < budget) assert.fail(`a callback that lived ${life} of ${budget} ms was claimed`);
  counts.interrupted++;
  if (trapped) late.push(life - budget);
  else counts.escaped++;
}

/** Turns of the guest's loop in a ms. */
function calibrate(): number {
  let best = 0;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    guest.spin(1_000_000);
    best = Math.max(best, 1_000_000 / (performance.now() - start));
  }
  return best;
}

test('callbacks around their deadline', { timeout: 60_000 + seconds * 10_000 }, t => {
  const perMs = calibrate();
  const until = (share: number) => performance.now() + seconds * 1000 * share;

  // Around the deadline, where lateness and ends meet; each followed by some that are far from theirs.
  for (const end = until(0.6); performance.now() < end; ) {
    const budget = 1 + Math.floor(Math.random() * 5);
    const length = budget + Math.random() * 4 - 0.5;
    callback(budget, Math.max(1, Math.floor(length * perMs)));
    for (let i = 0; i < 20; i++) callback(1, Math.floor(Math.random() * 100));
  }
  // Endless ones.
  for (const end = until(0.2); performance.now() < end; ) {
    callback(1 + Math.floor(Math.random() * 5), Infinity);
    callback(1, 0);
  }
  // Short ones, back to back.
  for (const end = until(0.2); performance.now() < end; ) {
    for (let i = 0; i < 1000; i++) callback(1, i & 7);
  }
  late.sort((a, b) => a - b);
  const quantile = (q: number) => late[Math.min(late.length - 1, Math.floor(late.length * q))]!.toFixed(2);
  t.diagnostic(`${counts.callbacks} callbacks, ${counts.interrupted} interrupted, ${counts.escaped} of them`);
  t.diagnostic(`ended before they saw it; late by p50 ${quantile(0.5)} p99 ${quantile(0.99)}`);
  t.diagnostic(`max ${quantile(1)} ms (with the machine's noise)`);
  assert.ok(late.length > 0);
});
