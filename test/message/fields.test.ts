import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldMap, fieldValue, isFieldValue, isToken, removeField } from '../../src/message/fields.ts';

test('get gives the first of several values, whatever the case of the names', () => {
  const map = new FieldMap(['X-A', '1', 'x-b', '2', 'x-a', '3']);
  assert.equal(map.get('x-a'), '1');
  assert.equal(map.get('x-b'), '2');
  assert.equal(map.get('x-c'), undefined);
  assert.equal(map.count, 3);
  assert.equal(map.mutated, false);
});

test('an empty value is a value', () => {
  assert.equal(new FieldMap(['a', '']).get('a'), '');
});

test('add appends and keeps what is there, in order', () => {
  const map = new FieldMap(['X-A', '1', 'x-b', '2']);
  assert.equal(map.add('x-a', '3'), true);
  assert.deepEqual(map.raw, ['X-A', '1', 'x-b', '2', 'x-a', '3']);
  assert.equal(map.mutated, true);
});

test('replace leaves one value, at the place of the first', () => {
  const map = new FieldMap(['b', '0', 'X-A', '1', 'c', '2', 'x-a', '3', 'd', '4', 'X-a', '5']);
  assert.equal(map.replace('x-a', 'new'), true);
  assert.deepEqual(map.raw, ['b', '0', 'X-A', 'new', 'c', '2', 'd', '4']);
});

test('replace adds a field that is not there', () => {
  const map = new FieldMap(['b', '0']);
  assert.equal(map.replace('x-a', 'new'), true);
  assert.deepEqual(map.raw, ['b', '0', 'x-a', 'new']);
});

test('remove takes all values, and is no change without any', () => {
  const map = new FieldMap(['X-A', '1', 'b', '2', 'x-a', '3']);
  assert.equal(map.remove('none'), true);
  assert.equal(map.mutated, false);
  assert.equal(map.remove('x-a'), true);
  assert.deepEqual(map.raw, ['b', '2']);
  assert.equal(map.mutated, true);
});

test('pairs have lower-case names; raw keeps the case', () => {
  const map = new FieldMap(['X-Case', 'Value']);
  assert.deepEqual(map.pairs(), ['x-case', 'Value']);
  assert.deepEqual(map.raw, ['X-Case', 'Value']);
});

for (const [what, name, value] of [
  ['CR in a value', 'a', 'b\rc'],
  ['LF in a value', 'a', 'b\nc'],
  ['CRLF at the end of a value', 'a', 'b\r\n'],
  ['NUL in a value', 'a', 'b\0c'],
  ['DEL in a value', 'a', 'b\x7f'],
  ['a character over one byte in a value', 'a', 'b\u0100'],
  ['an empty name', '', 'b'],
  ['a space in a name', 'a b', 'c'],
  ['a colon in a name', 'a:', 'c'],
  ['a pseudo header', ':path', '/'],
  ['CR in a name', 'a\r', 'c'],
  ['LF in a name', 'a\n', 'c'],
  ['NUL in a name', 'a\0', 'c'],
  ['a byte over 0x7f in a name', 'a\xe9', 'c'],
] as const) {
  test(`${what} is refused and nothing changes`, () => {
    const map = new FieldMap(['a', '1']);
    assert.equal(map.add(name, value), false);
    assert.equal(map.replace(name, value), false);
    assert.equal(map.setPairs(['x', 'y', name, value]), false);
    assert.deepEqual(map.raw, ['a', '1']);
    assert.equal(map.mutated, false);
  });
}

test('tab, space and bytes over 0x7f are legal in values', () => {
  const map = new FieldMap();
  assert.equal(map.add('a', '\tx \x80\xff'), true);
  assert.equal(map.get('a'), '\tx \x80\xff');
});

test('setPairs replaces the map, with nothing too', () => {
  const map = new FieldMap(['a', '1']);
  assert.equal(map.setPairs(['b', '2', 'b', '3']), true);
  assert.deepEqual(map.pairs(), ['b', '2', 'b', '3']);
  assert.equal(map.setPairs([]), true);
  assert.equal(map.count, 0);
});

const name = fc.constantFrom('a', 'b', 'x-long-name', 'c');
const cased = name.chain(n => fc.constantFrom(n, n.toUpperCase()));
const rawFields = fc
  .array(fc.tuple(cased, fc.stringMatching(/^[ -~]{0,5}$/)), { maxLength: 8 })
  .map(list => list.flat());

test('removeField and fieldValue agree with a plain filter', () => {
  fc.assert(
    fc.property(rawFields, name, (raw, wanted) => {
      const entries: [string, string][] = [];
      for (let i = 0; i < raw.length; i += 2) entries.push([raw[i]!, raw[i + 1]!]);
      assert.equal(fieldValue(raw, wanted), entries.find(e => e[0].toLowerCase() === wanted)?.[1]);
      const kept = entries.filter(e => e[0].toLowerCase() !== wanted);
      const copy = [...raw];
      assert.equal(removeField(copy, wanted), kept.length !== entries.length);
      assert.deepEqual(copy, kept.flat());
      const map = new FieldMap([...raw]);
      map.replace(wanted, 'new');
      assert.deepEqual(
        map.pairs().filter((_, i, all) => all[i - (i % 2)] === wanted),
        [wanted, 'new'],
      );
      assert.equal(map.count, kept.length + 1);
    }),
  );
});

test('no legal name or value can end a line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const bad = /[\0\r\n]/.test(text);
      assert.ok(!bad || (!isToken(text) && !isFieldValue(text)));
    }),
    { numRuns: 500 },
  );
});
