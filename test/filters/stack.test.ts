import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { PluginChain } from '../../src/chain/chain.ts';
import { sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { compileFilter } from '../../src/plugin/compile.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { LIMITS, pluginOptions } from '../support/guest.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';
import { GuestLog } from '../support/guest-log.ts';

/** Where serde_json stops; it takes 127. */
const JSON_LEVELS = 128;
/** Where regex stops. */
const PATTERN_LEVELS = 250;

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const encode = (text: string) => Buffer.from(text).toString('base64url');
const arrays = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const objects = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

/** Starts filters by file, and what takes most of their stack may not overflow it. */
async function harness() {
  const log = new GuestLog('warn');
  const registry = new VmRegistry({ log, interrupter: await Interrupter.ofThread() });
  const load = async (file: string) => {
    const bytes = await readFile(new URL(`../../filters/rust/${file}`, import.meta.url));
    const hash = sha256(bytes);
    const compiled = await compileFilter({ bytes, hash, limits: LIMITS, plugs: [], key: hash }, undefined);
    return (config: string) => {
      const options = { name: file, config: Buffer.from(config), limits: { bufferedBody: 1 << 20 } };
      return registry.start(compiled, pluginOptions(options));
    };
  };
  return { log, load };
}

describe('the small stacks of the Rust filters are large enough', () => {
  for (const file of [
    'add-header/add-header.wasm',
    'add-header-component/add-header-component.wasm',
    'jwt/jwt.wasm',
    'body-rewrite/body-rewrite.wasm',
    'rate-limit/rate-limit.wasm',
    'ext-auth/ext-auth.wasm',
    'tcp-sni/tcp-sni.wasm',
  ]) {
    it(`${file}: a configuration as deep as it may be, and deeper, is refused, not trapped`, async () => {
      const { load } = await harness();
      const start = await load(file);
      for (const levels of [JSON_LEVELS - 2, JSON_LEVELS - 1, JSON_LEVELS, 10_000]) {
        for (const text of [`{"x":${arrays(levels - 1)}}`, objects(levels)]) {
          assert.throws(() => start(text), { code: 'PLUGIN_CONFIGURE_FAILED' });
        }
      }
    });
  }

  it('jwt: tokens as deep as they may be, and deeper', async () => {
    const { load, log } = await harness();
    const config = { secret: SECRET, claimsToHeaders: { sub: 'x-user' }, requireExp: false };
    const plugin = (await load('jwt/jwt.wasm'))(JSON.stringify(config));
    const [vm] = plugin.vms();
    assert.ok(vm!.memorySize <= 256 * 1024, String(vm!.memorySize));
    const chain = new PluginChain([plugin], log);
    const send = (head: string, claims: string): FakeExchange => {
      const signed = `${encode(head)}.${encode(claims)}`;
      const signature = createHmac('sha256', SECRET).update(signed).digest('base64url');
      const exchange = new FakeExchange(['authorization', `Bearer ${signed}.${signature}`]);
      new Drive(chain, exchange).headers(true).finish();
      return exchange;
    };
    for (const deep of [arrays, objects]) {
      for (let levels = JSON_LEVELS - 4; levels <= JSON_LEVELS; levels++) {
        send(`{"alg":"HS256","x":${deep(levels - 1)}}`, '{}');
        send('{"alg":"HS256"}', `{"sub":${deep(levels - 1)}}`);
      }
      send(`{"alg":"HS256","x":${deep(3000)}}`, '{}');
      const passed = send('{"alg":"HS256"}', `{"sub":${deep(JSON_LEVELS - 2)}}`);
      assert.deepEqual(passed.events, ['> headers end']);
      assert.equal(passed.requestHeaders.get('x-user'), deep(JSON_LEVELS - 2));
    }
    assert.deepEqual(plugin.vms(), [vm]);
    assert.deepEqual(log.texts, []);
    plugin.close();
  });

  it('body-rewrite: patterns as deep as they may be', async () => {
    const { load, log } = await harness();
    const start = await load('body-rewrite/body-rewrite.wasm');
    const nested = (open: string, close: string, levels: number) =>
      `${open.repeat(levels)}b${close.repeat(levels)}`;
    const patterns = [
      nested('(', ')', PATTERN_LEVELS),
      nested('(', ')*', PATTERN_LEVELS / 2),
      nested('(a', ')', PATTERN_LEVELS / 2),
      nested('(a', ')*', Math.floor(PATTERN_LEVELS / 3)),
      nested('', '?', PATTERN_LEVELS),
    ];
    for (const pattern of patterns) {
      const rules = [{ pattern, replacement: 'x' }];
      const plugin = start(JSON.stringify({ request: rules }));
      const exchange = new FakeExchange(['content-type', 'text/plain']);
      new Drive(new PluginChain([plugin], log), exchange).headers().data('aaab'.repeat(2000), true).finish();
      assert.match(exchange.events.at(-1)!, /^> .*end$/);
      plugin.close();
    }
    const rules = [{ pattern: nested('(', ')', PATTERN_LEVELS + 1), replacement: 'x' }];
    assert.throws(() => start(JSON.stringify({ request: rules })), {
      code: 'PLUGIN_CONFIGURE_FAILED',
      message: /nest/,
    });
    assert.deepEqual(
      log.texts.filter(text => !/wrong configuration/.test(text)),
      [],
    );
  });
});
