import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHeaders, ResponseHeaders } from '../../src/message/headers.ts';

const request = () => new RequestHeaders('GET', '/a?b=1', 'example.com:80', 'http', ['X-A', '1']);
const response = () => new ResponseHeaders(200, ['X-A', '1']);

test('pseudo headers stand first in a request, and count', () => {
  const headers = request();
  assert.deepEqual(headers.pairs(), [
    ...[':method', 'GET', ':path', '/a?b=1', ':authority', 'example.com:80', ':scheme', 'http'],
    ...['x-a', '1'],
  ]);
  assert.equal(headers.count, 5);
  assert.deepEqual(headers.raw, ['X-A', '1']);
});

test('pseudo headers of a request are read as any other', () => {
  const headers = request();
  assert.deepEqual(
    [':method', ':path', ':authority', ':scheme', ':status', ':other', 'x-a'].map(n => headers.get(n)),
    ['GET', '/a?b=1', 'example.com:80', 'http', undefined, undefined, '1'],
  );
});

test('host is another name of :authority', () => {
  const headers = request();
  assert.equal(headers.get('host'), 'example.com:80');
  assert.equal(headers.replace('host', 'other'), true);
  assert.equal(headers.get(':authority'), 'other');
  assert.equal(headers.add('host', 'third'), true);
  assert.equal(headers.authority, 'third');
  assert.deepEqual(headers.raw, ['X-A', '1'], 'never twice');
});

test('pseudo headers of a request can be set, and adding one is setting it', () => {
  const headers = request();
  for (const [name, value] of [
    [':method', 'POST'],
    [':path', '/new?x=y'],
    [':path', '*'],
    [':authority', '[::1]:8080'],
    [':scheme', 'https'],
  ] as const) {
    assert.equal(headers.replace(name, value), true, name);
    assert.equal(headers.get(name), value);
    assert.equal(headers.add(name, value), true, name);
  }
  assert.equal(headers.count, 5);
  assert.equal(headers.mutated, true);
});

for (const [name, value] of [
  [':method', ''],
  [':method', 'GET '],
  [':method', 'GET\r\n'],
  [':method', 'CONNECT'],
  [':method', 'connect'],
  [':path', ''],
  [':path', 'no-slash'],
  [':path', 'http://example.com/'],
  [':path', '/a b'],
  [':path', '/a\r\nx: y'],
  [':path', '/a\0'],
  [':path', '/\x7f'],
  [':authority', 'a b'],
  [':authority', 'a\r\n'],
  [':authority', 'a/b'],
  [':authority', 'user@host'],
  ['host', 'a\nb'],
  [':scheme', 'ftp'],
  [':scheme', ''],
  [':status', '200'],
  [':protocol', 'websocket'],
  [':', 'x'],
] as const) {
  test(`a request refuses ${name} = ${JSON.stringify(value)} and nothing changes`, () => {
    const headers = request();
    const before = headers.pairs();
    assert.equal(headers.replace(name, value), false);
    assert.equal(headers.add(name, value), false);
    assert.equal(headers.setPairs([':method', 'PUT', 'x', 'y', name, value]), false);
    assert.deepEqual(headers.pairs(), before);
    assert.equal(headers.mutated, false);
  });
}

test('a request can not lose its pseudo headers', () => {
  const headers = request();
  for (const name of [':method', ':path', ':authority', ':scheme', 'host'])
    assert.equal(headers.remove(name), false);
  assert.equal(headers.setPairs([]), true);
  assert.deepEqual(headers.pairs().slice(0, 4), [':method', 'GET', ':path', '/a?b=1']);
  assert.equal(headers.count, 4);
});

test('setPairs sets pseudo headers and fields at once, wherever they stand', () => {
  const headers = request();
  assert.equal(headers.setPairs(['b', '2', ':path', '/p', 'a', '1', 'host', 'h', 'a', '0']), true);
  assert.deepEqual(headers.raw, ['b', '2', 'a', '1', 'a', '0']);
  assert.deepEqual([headers.path, headers.authority, headers.method], ['/p', 'h', 'GET']);
});

test(':status stands first in a response and can be set', () => {
  const headers = response();
  assert.deepEqual(headers.pairs(), [':status', '200', 'x-a', '1']);
  assert.equal(headers.count, 2);
  assert.equal(headers.get(':status'), '200');
  assert.equal(headers.replace(':status', '404'), true);
  assert.equal(headers.status, 404);
  assert.equal(headers.add(':status', '999'), true);
  assert.equal(headers.status, 999);
  assert.equal(headers.remove(':status'), false);
  assert.equal(headers.get(':path'), undefined);
  // Only a request has this alias.
  assert.equal(headers.add('host', 'x'), true);
  assert.equal(headers.get('host'), 'x');
});

for (const value of [
  '100',
  '101',
  '199',
  '1000',
  '0',
  '',
  '-1',
  '20',
  ' 200',
  '200 ',
  '2e2',
  '200\r\n',
  'OK',
]) {
  test(`a response refuses :status ${JSON.stringify(value)} and nothing changes`, () => {
    const headers = response();
    assert.equal(headers.replace(':status', value), false);
    assert.equal(headers.add(':status', value), false);
    assert.equal(headers.setPairs(['x', 'y', ':status', value]), false);
    assert.deepEqual(headers.pairs(), [':status', '200', 'x-a', '1']);
    assert.equal(headers.mutated, false);
  });
}

test('setPairs without :status keeps the status', () => {
  const headers = response();
  assert.equal(headers.setPairs(['a', 'b']), true);
  assert.deepEqual(headers.pairs(), [':status', '200', 'a', 'b']);
  assert.equal(headers.setPairs([':path', '/']), false);
});
