import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Status } from '../../src/abi/types.ts';
import { NO_SERVICES } from '../../src/plugin/no-services.ts';
import type { ForeignCaller, ForeignFunction } from '../../src/plugin/services.ts';
import { FOREIGN_FUNCTIONS } from '../../src/runtime/foreign-functions.ts';
import { stateServices } from '../../src/runtime/shared-state.ts';

function caller(maxBytes = 1000): ForeignCaller & { cleared: number; connected: string[] } {
  return {
    connected: [],
    connectTo(upstream) {
      this.connected.push(upstream);
      return upstream === 'granted' ? Status.OK : Status.BAD_ARGUMENT;
    },
    filter: 'f',
    maxBytes,
    cleared: 0,
    clearRouteCache() {
      this.cleared++;
      return true;
    },
    setProperty: () => Status.OK,
    callBack: () => {},
  };
}

function call(name: string, args: string | Uint8Array, by = caller()): Buffer | Status {
  const result = FOREIGN_FUNCTIONS.get(name)!(Buffer.from(args), by);
  return typeof result === 'number' ? result : Buffer.from(result);
}

test('compress and uncompress: zlib, as Envoy', () => {
  const bytes = call('compress', 'hello world!') as Buffer;
  // From the README of the Go SDK's example.
  assert.equal(bytes.toString('hex'), '789ccb48cdc9c95728cf2fca495104001e89047e');
  assert.equal(String(call('uncompress', bytes)), 'hello world!');
  assert.equal(String(call('uncompress', call('compress', '') as Buffer)), '');
});

test('uncompress refuses what is not whole, what is not zlib, and what would be too much', () => {
  const bytes = deflateSync(Buffer.alloc(1001, 'a'));
  assert.equal(call('uncompress', bytes), Status.BAD_ARGUMENT);
  assert.equal((call('uncompress', bytes, caller(1001)) as Buffer).length, 1001);
  assert.equal(call('uncompress', bytes.subarray(0, -1), caller(1001)), Status.SERIALIZATION_FAILURE);
  assert.equal(call('uncompress', 'hello'), Status.SERIALIZATION_FAILURE);
  assert.equal(call('uncompress', ''), Status.SERIALIZATION_FAILURE);
});

test('filters have them beside those of the embedding program, which may take their place', () => {
  const state = { store: NO_SERVICES.store, metrics: NO_SERVICES.metrics, close: async () => {} };
  const own: ForeignFunction = () => Status.EMPTY;
  const { foreignFunctions } = stateServices(
    state,
    new Map([
      ['mine', own],
      ['compress', own],
    ]),
  );
  assert.equal(foreignFunctions.get('mine'), own);
  assert.equal(foreignFunctions.get('compress'), own);
  assert.equal(foreignFunctions.get('uncompress'), FOREIGN_FUNCTIONS.get('uncompress'));
});

test('clear_route_cache', () => {
  const by = caller();
  assert.equal(String(call('clear_route_cache', '', by)), '');
  assert.equal(by.cleared, 1);
});

/** A message of fields that are bytes. */
function message(fields: Readonly<Record<number, string | Uint8Array>>): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of Object.entries(fields)) {
    writer.tag(Number(number), WireType.LengthDelimited).bytes(Buffer.from(value));
  }
  return writer.finish();
}

/** `ok`, or the error. */
function verified(result: Buffer | Status): string | Status {
  if (typeof result === 'number') return result;
  const reader = new BinaryReader(result);
  const [field] = reader.tag();
  return field === 1 ? (reader.bool() ? 'ok' : '') : reader.string();
}

for (const [kind, pair] of [
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['ECDSA', generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
] as const) {
  test(`verify_signature: ${kind}, keys in DER and PEM`, () => {
    const der = pair.publicKey.export({ type: 'spki', format: 'der' });
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' });
    const good = { 1: 'sha256', 3: sign('sha256', Buffer.from('text'), pair.privateKey), 4: 'text' };
    const ask = (fields: Readonly<Record<number, string | Uint8Array>>) =>
      verified(call('verify_signature', message({ ...good, ...fields })));
    assert.equal(ask({ 2: der }), 'ok');
    assert.equal(ask({ 5: pem }), 'ok');
    assert.equal(ask({ 2: der, 1: 'SHA256', 9: 'unknown' }), 'ok');
    assert.equal(ask({ 2: der, 4: 'another text' }), 'the signature is wrong');
    assert.equal(ask({ 2: der, 3: '' }), 'the signature is wrong');
    assert.equal(ask({ 2: der, 1: 'sha512' }), 'the signature is wrong');
    assert.equal(ask({ 2: der, 1: 'md5' }), 'md5 is not supported');
    assert.equal(ask({}), Status.BAD_ARGUMENT);
    assert.equal(ask({ 2: der, 5: pem }), Status.BAD_ARGUMENT);
    assert.equal(ask({ 2: 'no key' }), Status.BAD_ARGUMENT);
    assert.equal(ask({ 5: 'no key' }), Status.BAD_ARGUMENT);
  });
}

test('verify_signature: no message, and a key that signs otherwise', () => {
  assert.equal(call('verify_signature', '\x0a\x7f'), Status.BAD_ARGUMENT);
  assert.equal(call('verify_signature', ''), Status.BAD_ARGUMENT);
  const { publicKey } = generateKeyPairSync('x25519');
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const result = call('verify_signature', message({ 1: 'sha256', 2: der, 3: 'x', 4: 'y' }));
  assert.equal(verified(result), 'the key can not verify this');
});

test('set_envoy_filter_state chooses the upstream of a TCP connection, and knows nothing else', () => {
  const by = caller();
  const set = (args: Uint8Array | string) => {
    const result = call('set_envoy_filter_state', args, by);
    return typeof result === 'number' ? result : String(result);
  };
  const cluster = 'envoy.tcp_proxy.cluster';
  assert.equal(set(message({ 1: cluster, 2: 'granted' })), '');
  assert.equal(set(message({ 1: cluster, 2: 'other' })), Status.BAD_ARGUMENT);
  assert.equal(set(message({ 1: cluster })), Status.BAD_ARGUMENT);
  assert.deepEqual(by.connected, ['granted', 'other', '']);
  assert.equal(set(message({ 1: 'envoy.network.upstream_server_name', 2: 'granted' })), Status.NOT_FOUND);
  assert.equal(set(''), Status.NOT_FOUND);
  assert.equal(set('\x0a\x7f'), Status.BAD_ARGUMENT);
  assert.equal(by.connected.length, 3);
});
