import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTCALL_TYPES } from '../../src/abi/signatures.ts';
import type { Capabilities } from '../../src/config/types.ts';
import { ModuleError } from '../../src/errors.ts';
import { grantedEnv, NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { rig, type Script } from '../support/guest.ts';
import { GuestClock } from '../support/guest-clock.ts';
import { Drive } from '../support/guest-exchange.ts';
import { CALLBACKS } from '../support/guest-wat.ts';

const deny = (hostcalls: string[], callbacks: string[] = []): Capabilities => ({
  ...NO_CAPABILITIES,
  hostcalls: { deny: hostcalls },
  callbacks: { deny: callbacks },
});

test('a denied hostcall is INTERNAL_FAILURE, does nothing, and is told once', async () => {
  const statuses: number[] = [];
  const r = await rig({
    proxy_on_request_headers: p => {
      for (let i = 0; i < 3; i++) statuses.push(p.setHeader(0, 'x-new', '1'));
      statuses.push(p.call('proxy_add_header_map_value', 0, ...p.put('x-other'), ...p.put('1')));
    },
  });
  const plugin = r.start({ capabilities: deny(['proxy_replace_header_map_value']) });
  const drive = new Drive(r.chain(plugin)).headers(true);
  assert.deepEqual(statuses, [10, 10, 10, 0]);
  assert.equal(drive.exchange.requestHeaders.get('x-new'), undefined);
  assert.deepEqual(
    r.log.texts.filter(text => text.includes('denied')),
    [
      'warn denied: the hostcall proxy_replace_header_map_value (capabilities.hostcalls.deny without proxy_replace_header_map_value would allow it)',
    ],
  );
  plugin.close();
});

test('every hostcall can be denied: none of them is run', async () => {
  for (const abi of ['0.1.0', '0.2.0', '0.2.1'] as const) {
    const types = HOSTCALL_TYPES[abi];
    const names = Object.keys(types);
    const answers: Record<string, number> = {};
    const r = await rig(
      {
        proxy_on_request_headers: p => {
          for (const name of names) {
            const args = [...types[name]!.replace('>', '')].map(letter => (letter === 'i' ? 0 : 0n));
            answers[name] = p.call(name, ...args);
          }
        },
      },
      { abi },
    );
    const plugin = r.start({ capabilities: deny(names) });
    const drive = new Drive(r.chain(plugin)).headers(true);
    assert.deepEqual(drive.events, ['> headers end']);
    assert.deepEqual(answers, Object.fromEntries(names.map(name => [name, 10])), abi);
    plugin.close();
  }
});

test('a denied callback is not called, and its phase passes the filter by', async t => {
  const script: Script = {
    proxy_on_configure: p => void p.call('proxy_set_tick_period_milliseconds', 10),
    proxy_on_request_headers: () => 1,
  };
  const r = await rig(script);
  const clock = new GuestClock(t);
  const denied = CALLBACKS.filter(name => name !== 'proxy_on_configure' && name !== 'proxy_on_request_body');
  const plugin = r.start({ capabilities: deny([], denied) });
  const drive = new Drive(r.chain(plugin)).headers(false);
  assert.deepEqual(drive.take(), ['> headers']);
  drive.data('a', true).responseHeaders(200, [], true).finish();
  clock.pass(50);
  plugin.close();
  assert.deepEqual(
    r.calls.map(call => call.replace(/\(.*/, '')),
    ['configure', 'request_body'],
  );
  assert.equal(plugin.counters.contexts, 0);
});

test('a denied proxy_on_vm_start or proxy_on_configure refuses nothing', async () => {
  const r = await rig({ proxy_on_vm_start: () => 0, proxy_on_configure: () => 0 });
  const plugin = r.start({ capabilities: deny([], ['proxy_on_vm_start', 'proxy_on_configure']) });
  assert.deepEqual(new Drive(r.chain(plugin)).headers(true).events, ['> headers end']);
  plugin.close();
});

test('denied proxy_on_done: a context ends at once', async () => {
  const r = await rig({ proxy_on_done: () => 0 });
  const plugin = r.start({ capabilities: deny([], ['proxy_on_done']) });
  new Drive(r.chain(plugin)).headers(true).finish();
  assert.equal(plugin.counters.contexts, 0);
  plugin.close();
});

test('what would deny nothing is refused, with its name', async () => {
  const r = await rig();
  for (const [hostcalls, callbacks, names] of [
    [['proxy_http_calls', 'proxy_log'], [], 'proxy_http_calls'],
    [[], ['proxy_on_ticks', 'proxy_on_tick'], 'proxy_on_ticks'],
    [['fd_write'], [], 'fd_write'],
    [['__proto__', 'constructor'], [], '__proto__, constructor'],
    [['proxy_on_tick'], ['proxy_log'], 'proxy_on_tick, proxy_log'],
  ] as const) {
    assert.throws(
      () => r.start({ capabilities: deny([...hostcalls], [...callbacks]) }),
      (error: unknown) =>
        error instanceof ModuleError &&
        error.code === 'MODULE_UNSUPPORTED' &&
        error.message.includes(`doesn't have: ${names} (`),
      names,
    );
  }
});

test('one that the module does not import, or of another version, may be denied', async () => {
  const r = await rig({}, { abi: '0.2.1', without: ['proxy_log'] });
  r.start({ capabilities: deny(['proxy_log', 'proxy_continue_request']) }).close();
});

test('filters that are denied different things share no VM', async () => {
  const r = await rig();
  const plugins = [[], ['proxy_log'], ['proxy_log']].map((names, i) =>
    r.start({ name: `f${i}`, capabilities: deny(names) }),
  );
  assert.equal(r.puppets.length, 2);
  for (const plugin of plugins) plugin.close();
});

test('filters that are granted different things share no VM: none acts as another that may do more', async () => {
  const r = await rig();
  const granted = { ...NO_CAPABILITIES, upstreams: ['auth'] };
  r.start({ name: 'a' });
  r.start({ name: 'b', capabilities: granted });
  r.start({ name: 'c', capabilities: { ...NO_CAPABILITIES, sharedData: true } });
  assert.equal(r.puppets.length, 3);
  r.start({ name: 'd', capabilities: granted });
  assert.equal(r.puppets.length, 3);
});

test('what only components can be granted is refused for a module', async () => {
  const r = await rig();
  for (const grant of [
    { random: true },
    { tcp: [{ host: 'a', port: 1 }] },
    { clocks: ['wall'] as const },
    { directories: [{ host: '/', guest: '/', access: 'read' as const }] },
  ] satisfies Partial<Capabilities>[]) {
    assert.throws(() => r.start({ capabilities: { ...NO_CAPABILITIES, ...grant } }), {
      code: 'MODULE_UNSUPPORTED',
    });
  }
});

test('the environment has what was granted and is there, and what the configuration says before it', t => {
  process.env['WEIR_TEST_A'] = 'host';
  process.env['WEIR_TEST_B'] = 'host';
  t.after(() => {
    delete process.env['WEIR_TEST_A'];
    delete process.env['WEIR_TEST_B'];
  });
  const env = grantedEnv({ WEIR_TEST_A: 'own', C: 'own' }, ['WEIR_TEST_A', 'WEIR_TEST_B', 'WEIR_TEST_NONE']);
  assert.deepEqual(env, { WEIR_TEST_A: 'own', WEIR_TEST_B: 'host', C: 'own' });
  assert.deepEqual(grantedEnv({}, []), {});
});
