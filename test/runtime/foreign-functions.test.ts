import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { test } from 'node:test';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
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

/** A SignResult. */
function signed(result: Buffer | Status): Buffer | string | Status {
  if (typeof result === 'number') return result;
  const reader = new BinaryReader(result);
  const [field] = reader.tag();
  if (field === 3) return reader.string();
  assert.equal(reader.bool(), true);
  assert.equal(reader.tag()[0], 2);
  return Buffer.from(reader.bytes());
}

for (const [kind, pair] of [
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['ECDSA', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
] as const) {
  test(`sign: ${kind}, what verify_signature takes`, () => {
    const der = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
    const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
    const ask = (fields: Readonly<Record<number, string | Uint8Array>>) =>
      signed(call('sign', message({ 1: 'sha384', 3: 'text', ...fields })));
    for (const key of [{ 2: der }, { 4: pem }]) {
      const signature = ask(key) as Buffer;
      assert.ok(verify('sha384', Buffer.from('text'), pair.publicKey, signature));
      const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' });
      const check = { 1: 'sha384', 2: publicKey, 3: signature, 4: 'text' };
      assert.equal(verified(call('verify_signature', message(check))), 'ok');
    }
    assert.equal(ask({ 2: der, 1: 'md5' }), 'md5 is not supported');
    assert.equal(ask({}), Status.BAD_ARGUMENT);
    assert.equal(ask({ 2: der, 4: pem }), Status.BAD_ARGUMENT);
    // A public key does not sign, and no error says what was in a key.
    const publicDer = pair.publicKey.export({ type: 'spki', format: 'der' });
    assert.equal(ask({ 2: publicDer }), Status.BAD_ARGUMENT);
  });
}

test('keys that would hold everybody up are not used', () => {
  const number = (bytes: number) => Buffer.alloc(bytes, 0xff).toString('base64url');
  const half = number(257);
  const open = { kty: 'RSA', n: number(513), e: 'AQAB' };
  const whole = { ...open, d: number(513), p: half, q: half, dp: half, dq: half, qi: half };
  const pem = createPublicKey({ key: open, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const arguments_ = { 1: 'sha256', 3: 'signature', 4: 'text', 5: pem };
  assert.equal(verified(call('verify_signature', message(arguments_))), 'the key can not verify this');
  const secret = createPrivateKey({ key: whole, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' });
  assert.equal(
    signed(call('sign', message({ 1: 'sha256', 3: 'x', 4: secret }))),
    'the key can not sign this',
  );
  const padded = `${'# \n'.repeat(3000)}${pem}`;
  assert.equal(call('verify_signature', message({ ...arguments_, 5: padded })), Status.BAD_ARGUMENT);
});

test('a key that wants a password is none, and nobody is asked for it', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' } as const;
  const encrypted = privateKey.export(options);
  assert.equal(call('sign', message({ 1: 'sha256', 3: 'x', 4: encrypted })), Status.BAD_ARGUMENT);
});

test('garbage in place of a message: an answer at once, and no exception', () => {
  const groups = Buffer.alloc(1024 * 1024, 0x0b);
  const halves = Buffer.concat([Buffer.from([0x0a, 0x05]), Buffer.from('abc')]);
  const lies = Buffer.from('0affffffff0f', 'hex');
  const endless = Buffer.alloc(64, 0xff);
  const zero = Buffer.alloc(1000);
  for (const name of ['verify_signature', 'sign', 'declare_property']) {
    for (const bytes of [groups, halves, lies, endless, zero])
      assert.equal(call(name, bytes, caller(2 ** 20)), Status.BAD_ARGUMENT, name);
    // All bytes there are, one, two and three at a time.
    for (let i = 0; i < 2000; i++) {
      const bytes = Buffer.from([(i * 7919) & 255, (i >> 4) & 255, (i * 31) & 255].slice(0, 1 + (i % 3)));
      const result = call(name, bytes);
      assert.ok(typeof result === 'number' || name === 'declare_property');
    }
  }
  const long = call('verify_signature', message({ 1: 'x'.repeat(100_000), 2: rsaKey() }));
  assert.equal(verified(long), `${'x'.repeat(32)} is not supported`);
});

const rsaKey = () =>
  generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'der' });

test('bombs: what unpacks to more than is allowed costs no more memory than that', () => {
  const bomb = deflateSync(Buffer.alloc(64 * 1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  assert.equal(call('uncompress', bomb, caller(1024 * 1024)), Status.BAD_ARGUMENT);
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 * 1024 * 1024);
  // Layers are the guest's to unpack one after the other.
  const layers = deflateSync(deflateSync(Buffer.alloc(1000)));
  assert.equal(call('uncompress', call('uncompress', layers) as Buffer).toString(), '\0'.repeat(1000));
});

test("uncompress takes zlib's format only, and no dictionary", () => {
  for (const bytes of [
    gzipSync('a'),
    deflateRawSync('a'),
    deflateSync('a', { dictionary: Buffer.from('a') }),
  ])
    assert.equal(call('uncompress', bytes), Status.SERIALIZATION_FAILURE);
});

test('declare_property: what properties are anyhow', () => {
  const declare = (name: string, readOnly: boolean, span: number, type = 1) => {
    const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
    writer.tag(2, WireType.Varint).bool(readOnly).tag(3, WireType.Varint).int32(type);
    const result = call('declare_property', writer.tag(5, WireType.Varint).int32(span).finish());
    return typeof result === 'number' ? result : result.length;
  };
  assert.deepEqual([declare('mine', false, 0), declare('mine', false, 1)], [0, 0]);
  assert.equal(declare('mine', true, 0), Status.UNIMPLEMENTED);
  assert.equal(declare('mine', false, 2), Status.UNIMPLEMENTED);
  assert.equal(declare('', false, 0), Status.BAD_ARGUMENT);
  assert.equal(call('declare_property', ''), Status.BAD_ARGUMENT);
});
