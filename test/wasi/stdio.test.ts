import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineBuffer } from '../../src/wasi/stdio.ts';

test('however text is cut, its lines are the same', () => {
  const text = fc
    .array(fc.constantFrom('a', 'é', '🐎', '\n', 'b c', '\n\n'), { maxLength: 20 })
    .map(t => t.join(''));
  fc.assert(
    fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (whole, cuts) => {
      const bytes = Buffer.from(whole);
      const lines: string[] = [];
      const buffer = new LineBuffer(line => lines.push(line));
      const points = [0, ...cuts.map(c => Math.min(c, bytes.length)).sort((a, b) => a - b), bytes.length];
      for (let i = 1; i < points.length; i++) buffer.write(bytes.subarray(points[i - 1], points[i]));
      buffer.flush();
      const expected = whole.split('\n');
      if (expected.at(-1) === '') expected.pop();
      assert.deepEqual(lines, expected);
    }),
  );
});

test('half a character at the end is not kept for the next callback', () => {
  const lines: string[] = [];
  const buffer = new LineBuffer(line => lines.push(line));
  buffer.write(Buffer.from('é').subarray(0, 1));
  buffer.flush();
  buffer.write(Buffer.from('next\n'));
  buffer.flush();
  assert.deepEqual(lines, ['\ufffd', 'next']);
});

test('of a write with very many lines the first ones are logged and the others counted', () => {
  const lines: string[] = [];
  const buffer = new LineBuffer(line => lines.push(line));
  buffer.write(Buffer.from('a\n'.repeat(10_000)));
  assert.equal(lines.length, 257);
  assert.equal(lines.at(-1), '(9744 more lines)');
  buffer.write(Buffer.from('b\n'));
  assert.equal(lines.at(-1), 'b');
});
