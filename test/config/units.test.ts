import assert from 'node:assert/strict';
import { test } from 'node:test';
import { suggest } from '../../src/config/suggest.ts';
import { isHostName, parseAddress, parseDuration, parseEndpoint, parseSize } from '../../src/config/units.ts';

test('durations', () => {
  const cases: readonly [string, number | undefined][] = [
    ['0s', 0],
    ['10ms', 10],
    ['1s', 1000],
    ['1.5s', 1500],
    ['0.5ms', 1],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['', undefined],
    ['10', undefined],
    ['-1s', undefined],
    ['1 s', undefined],
    ['1S', undefined],
    ['.5s', undefined],
    ['1m30s', undefined],
    ['1e3s', undefined],
    ['9999999999s', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseDuration(text), expected, text);
});

test('sizes', () => {
  const cases: readonly [string, number | undefined][] = [
    ['0B', 0],
    ['1B', 1],
    ['64KiB', 65_536],
    ['1.5KiB', 1536],
    ['1MiB', 1_048_576],
    ['10MB', 10_000_000],
    ['1KB', 1000],
    ['2GiB', 2_147_483_648],
    ['1GB', 1_000_000_000],
    ['1', undefined],
    ['1K', undefined],
    ['1kB', undefined],
    ['1kib', undefined],
    ['-1B', undefined],
    ['1 B', undefined],
  ];
  for (const [text, expected] of cases) assert.equal(parseSize(text), expected, text);
});

test('addresses', () => {
  const cases: readonly [string, string | undefined][] = [
    ['127.0.0.1:8080', '127.0.0.1 8080'],
    [':0', ':: 0'],
    ['[::]:80', ':: 80'],
    ['[fe80::1]:65535', 'fe80::1 65535'],
    ['a-b.example:1', 'a-b.example 1'],
    ['LOCALHOST:1', 'localhost 1'],
    ['127.0.0.1', undefined],
    ['127.0.0.1:', undefined],
    ['127.0.0.1:65536', undefined],
    ['127.0.0:1', undefined],
    ['256.0.0.1:1', undefined],
    ['::1:80', undefined],
    ['[::1]', undefined],
    ['[127.0.0.1]:80', undefined],
    ['[::g]:80', undefined],
    ['http://a:80', undefined],
    ['a b:80', undefined],
    ['-a:80', undefined],
    ['a..b:80', undefined],
    ['a:80 ', undefined],
  ];
  for (const [text, expected] of cases) {
    const address = parseAddress(text);
    assert.equal(address && `${address.host} ${address.port}`, expected, text);
  }
});

test('endpoints', () => {
  const cases: readonly [string, string | undefined][] = [
    ['http://a', 'a 80'],
    ['HTTP://a:1/', 'a 1'],
    ['http://[::1]', '::1 80'],
    ['http://a_b:1', 'a_b 1'],
    ['http://a:0', undefined],
    ['http://a:70000', undefined],
    ['http://a//', undefined],
    ['http://a/x', undefined],
    ['http://a?x', undefined],
    ['http://a#x', undefined],
    ['http://u:p@a', undefined],
    ['http://', undefined],
    ['a:80', undefined],
    ['ftp://a', undefined],
  ];
  for (const [text, expected] of cases) {
    const address = parseEndpoint(text);
    assert.equal(address && `${address.host} ${address.port}`, expected, text);
  }
});

test('host names', () => {
  const right = [
    'a',
    'a.b.',
    'xn--bcher-kva.example',
    '10.0.0.1',
    '1a.example',
    'a.1a',
    `${'a'.repeat(63)}.b`,
  ];
  const wrong = [
    '',
    '.',
    'a..b',
    '1.2.3',
    '1.2.3.4.5',
    'a.5',
    'ä.example',
    'a:1',
    `${'a'.repeat(64)}.b`,
    'a.'.repeat(130),
  ];
  for (const name of right) assert.ok(isHostName(name), name);
  for (const name of wrong) assert.ok(!isHostName(name), name);
});

test('suggestions', () => {
  const keys = ['listeners', 'upstreams', 'filters', 'vmConfig', 'config', 'app'];
  const cases: readonly [string, string | undefined][] = [
    ['listner', 'listeners'],
    ['upstraems', 'upstreams'],
    ['VM_CONFIG', 'vmConfig'],
    ['conf', 'config'],
    ['configuration', 'config'],
    ['apq', 'app'],
    ['xyz', undefined],
    ['', undefined],
    ['timeouts', undefined],
  ];
  for (const [word, expected] of cases) assert.equal(suggest(word, keys), expected, word);
});
