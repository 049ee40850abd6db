import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyBuffer } from '../../src/message/body.ts';

test('a body is what was appended, in one piece when taken', () => {
  const body = new BodyBuffer(Buffer.from('ab'));
  body.append(Buffer.from(''));
  body.append(Buffer.from('cde'));
  assert.equal(body.length, 5);
  assert.equal(body.take().toString(), 'abcde');
  assert.equal(body.length, 0);
  assert.equal(body.take().length, 0);
});

test('a body of one chunk is taken without a copy', () => {
  const chunk = Buffer.from('abc');
  assert.equal(new BodyBuffer(chunk).take(), chunk);
});

test('an empty chunk leaves no trace', () => {
  const body = new BodyBuffer(Buffer.alloc(0));
  assert.equal(body.length, 0);
  body.splice(0, 0, Buffer.alloc(0));
  body.splice(9, 9, Buffer.alloc(0));
  assert.equal(body.length, 0);
});

test('splice prepends, appends, replaces and injects', () => {
  const spliced = (start: number, size: number, text: string) => {
    const body = new BodyBuffer(Buffer.from('abc'));
    body.append(Buffer.from('def'));
    body.splice(start, size, Buffer.from(text));
    return body.take().toString();
  };
  assert.equal(spliced(0, 0, 'X'), 'Xabcdef');
  assert.equal(spliced(6, 0, 'X'), 'abcdefX');
  assert.equal(spliced(0xffffffff, 0xffffffff, 'X'), 'abcdefX');
  assert.equal(spliced(0, 6, 'X'), 'X');
  assert.equal(spliced(0, 0xffffffff, ''), '');
  assert.equal(spliced(2, 2, 'X'), 'abXef');
  assert.equal(spliced(2, 0, 'X'), 'abXcdef');
  assert.equal(spliced(4, 99, 'X'), 'abcdX');
  assert.equal(spliced(0, 3, ''), 'def');
});

const size = fc.oneof(fc.nat(40), fc.constantFrom(0, 1, 0x7fffffff, 0xffffffff));
const bytes = fc.uint8Array({ maxLength: 12 }).map(b => Buffer.from(b));
const step = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), bytes }),
  fc.record({ kind: fc.constant('splice' as const), start: size, size, bytes }),
  fc.record({ kind: fc.constant('copy' as const), start: fc.nat(40), size: fc.nat(40) }),
  fc.record({ kind: fc.constant('take' as const) }),
);

test('a body behaves as one plain buffer', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), steps => {
      const body = new BodyBuffer();
      let model = Buffer.alloc(0);
      for (const s of steps) {
        if (s.kind === 'append') {
          body.append(s.bytes);
          model = Buffer.concat([model, s.bytes]);
        } else if (s.kind === 'splice') {
          body.splice(s.start, s.size, s.bytes);
          model = Buffer.concat([
            model.subarray(0, s.start),
            s.bytes,
            model.subarray(Math.min(model.length, s.start + s.size)),
          ]);
        } else if (s.kind === 'copy') {
          const start = Math.min(s.start, model.length);
          const n = Math.min(s.size, model.length - start);
          const target = Buffer.alloc(n + 4, 0xaa);
          body.copyTo(target, 2, start, n);
          assert.deepEqual(target.subarray(2, n + 2), model.subarray(start, start + n));
          assert.deepEqual([target[0], target[1], target[n + 2], target[n + 3]], [0xaa, 0xaa, 0xaa, 0xaa]);
        } else {
          assert.deepEqual(Buffer.from(body.take()), Buffer.from(model));
          model = Buffer.alloc(0);
        }
        assert.equal(body.length, model.length);
      }
      assert.deepEqual(Buffer.from(body.take()), Buffer.from(model));
    }),
    { numRuns: 400 },
  );
});
