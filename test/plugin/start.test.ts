import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOSTCALL_TYPES } from '../../src/abi/signatures.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import { GuestError, PluginError } from '../../src/errors.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import { compileText, type Puppet, pluginOptions, rig, serialise } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { GuestLog } from '../support/guest-log.ts';

/** A filter in text; `$log` logs one character at info. */
async function start(body: string, imports = '', log = new GuestLog()) {
  const module = await compileText(`(module
    (import "env" "proxy_log" (func $proxy_log (param i32 i32 i32) (result i32)))
    ${imports}
    (memory (export "memory") 1)
    (func $log (param $c i32)
      (i32.store8 (i32.const 0) (local.get $c))
      (drop (call $proxy_log (i32.const 2) (i32.const 0) (i32.const 1))))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) (i32.const 0))
    ${body})`);
  const interrupter = await Interrupter.ofThread();
  return { log, plugin: () => new VmRegistry({ log, interrupter }).start(module, pluginOptions()) };
}

const EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))';
const logs = (name: string, c: string, more = '') =>
  `(func (export "${name}") ${more} (call $log (i32.const ${c.charCodeAt(0)})))`;

function fails(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof GuestError || error instanceof PluginError, String(error));
    return { code: error.code, message: error.message };
  }
  return assert.fail('it started');
}

test('_initialize is called, then main, then the callbacks of the root context', async () => {
  const { log, plugin } = await start(
    logs('_initialize', 'i') +
      `(func (export "main") (param i32 i32) (result i32) (call $log (i32.const 109)) (i32.const 0))` +
      logs('_start', 's') +
      logs('proxy_on_context_create', 'c', '(param i32 i32)') +
      '(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $log (i32.const 118)) (i32.const 1))' +
      '(func (export "proxy_on_configure") (param i32 i32) (result i32) (call $log (i32.const 103)) (i32.const 1))',
  );
  plugin();
  assert.deepEqual(log.texts, ['info i', 'info m', 'info c', 'info v', 'info g']);
});

test('_start is called when there is no _initialize', async () => {
  const { log, plugin } = await start(logs('_start', 's'));
  plugin();
  assert.deepEqual(log.texts, ['info s']);
});

test('a filter with no callbacks at all starts, runs and ends', async () => {
  const { log, plugin } = await start('');
  const running = plugin();
  const r = await rig();
  const d = new Drive(r.chain(running)).whole();
  assert.equal(d.events.length, 6);
  running.close();
  assert.deepEqual(log.lines, []);
});

test('_start may end with exit 0: the filter is then set up', async () => {
  const { log, plugin } = await start(
    '(func (export "_start") (call $exit (i32.const 0)))' +
      logs('proxy_on_context_create', 'c', '(param i32 i32)'),
    EXIT,
  );
  plugin();
  assert.deepEqual(log.texts, ['info c']);
});

for (const [what, body] of [
  ['exit 1 in _start', '(func (export "_start") (call $exit (i32.const 1)))'],
  ['exit 0 in _initialize', '(func (export "_initialize") (call $exit (i32.const 0)))'],
  [
    'exit 0 in proxy_on_vm_start',
    '(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (call $exit (i32.const 0)) (i32.const 1))',
  ],
] as const) {
  test(`${what} ends the VM, never the process`, async () => {
    const { plugin } = await start(body, EXIT);
    const { code, message } = fails(plugin);
    assert.equal(code, 'GUEST_EXIT');
    assert.match(message, /the guest called proc_exit\([01]\)/);
  });
}

test('a guest that catches its own exit is ended all the same', async () => {
  const { log, plugin } = await start(
    `(func (export "proxy_on_vm_start") (param i32 i32) (result i32)
       (try (do (call $exit (i32.const 3))) (catch_all (call $log (i32.const 99))))
       (i32.const 1))`,
    EXIT,
  );
  const { code, message } = fails(plugin);
  assert.deepEqual([code, log.texts], ['GUEST_EXIT', []], 'its next hostcall ends it again');
  assert.match(message, /proc_exit\(3\)/);
});

test('a trap while starting is an error with its reason', async () => {
  for (const body of [
    '(func (export "_initialize") unreachable)',
    '(func (export "_start") unreachable)',
    '(func $s unreachable) (start $s)',
    '(func (export "proxy_on_context_create") (param i32 i32) unreachable)',
    '(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)',
  ]) {
    const { plugin } = await start(body);
    const { code, message } = fails(plugin);
    assert.equal(code, 'GUEST_TRAP');
    assert.match(message, /trap: unreachable/);
  }
});

test('endless recursion is a trap', async () => {
  const { plugin } = await start('(func $f (export "_initialize") (call $f))');
  assert.match(fails(plugin).message, /trap: Maximum call stack size exceeded/);
});

for (const [name, params, args] of [
  ['proxy_get_header_map_value', 'i32 i32 i32 i32 i32', 5],
  ['proxy_set_header_map_pairs', 'i32 i32 i32', 3],
  ['proxy_get_buffer_bytes', 'i32 i32 i32 i32 i32', 5],
  ['proxy_set_buffer_bytes', 'i32 i32 i32 i32 i32', 5],
  ['proxy_get_property', 'i32 i32 i32 i32', 4],
  ['proxy_set_property', 'i32 i32 i32 i32', 4],
  ['proxy_continue_stream', 'i32', 1],
  ['proxy_close_stream', 'i32', 1],
  ['proxy_done', '', 0],
] as const) {
  test(`${name} during _initialize is refused, with a message that says why`, async () => {
    const { plugin } = await start(
      `(func (export "_initialize") (drop (call $f ${'(i32.const 1)'.repeat(args)})))`,
      `(import "env" "${name}" (func $f ${params === '' ? '' : `(param ${params})`} (result i32)))`,
    );
    assert.match(fails(plugin).message, /while it was starting: only logging and WASI are allowed/);
  });
}

/** Of the headers of a request at 100, and of a name at 300. */
const REQUEST = serialise([':method', 'GET', ':path', '/', ':authority', 'a']);
const NAME = [300, 1];
/** Good arguments of all that reaches beyond streams. */
const BEYOND: Readonly<Record<string, readonly number[]>> = {
  proxy_set_tick_period_milliseconds: [1],
  proxy_http_call: [...NAME, 100, REQUEST.length, 0, 0, 0, 0, 0, 400],
  proxy_grpc_call: [...NAME, ...NAME, ...NAME, 0, 0, 0, 0, 0, 400],
  proxy_grpc_stream: [...NAME, ...NAME, ...NAME, 0, 0, 400],
  proxy_grpc_send: [1, 0, 0, 0],
  proxy_grpc_cancel: [1],
  proxy_grpc_close: [1],
  proxy_get_status: [400, 404, 408],
  proxy_get_shared_data: [...NAME, 400, 404, 408],
  proxy_set_shared_data: [...NAME, ...NAME, 0],
  proxy_register_shared_queue: [...NAME, 400],
  proxy_resolve_shared_queue: [...NAME, ...NAME, 400],
  proxy_enqueue_shared_queue: [1, ...NAME],
  proxy_dequeue_shared_queue: [1, 400, 404],
  proxy_define_metric: [0, ...NAME, 400],
  proxy_record_metric: [1, 1],
  proxy_increment_metric: [1, 1],
  proxy_get_metric: [1, 400],
  proxy_call_foreign_function: [...NAME, 0, 0, 0, 0],
};

for (const [name, args] of Object.entries(BEYOND)) {
  test(`${name} during _initialize ends the VM`, async () => {
    const types = [...HOSTCALL_TYPES['0.2.1'][name]!].map(letter => (letter === 'l' ? 'i64' : 'i32'));
    const values = args.map((value, i) => `(${types[i]}.const ${value})`).join(' ');
    const data = [...REQUEST].map(byte => `\\${byte.toString(16).padStart(2, '0')}`).join('');
    const { plugin } = await start(
      `(data (i32.const 100) "${data}") (data (i32.const 300) "x")
       (func (export "_initialize") (drop (call $f ${values})))`,
      `(import "env" "${name}" (func $f (param ${types.join(' ')}) (result i32)))`,
    );
    assert.match(fails(plugin).message, /while it was starting: only logging and WASI are allowed/);
  });
}

for (const [callback, code] of [
  ['proxy_on_vm_start', 'PLUGIN_START_FAILED'],
  ['proxy_on_configure', 'PLUGIN_CONFIGURE_FAILED'],
] as const) {
  test(`false from ${callback} refuses the plugin, with the reason it logged`, async () => {
    const r = await rig({
      [callback]: (p: Puppet) => {
        p.log(4, 'earlier');
        p.log(4, 'bad regex at column 7');
        p.log(3, 'only a warning');
        return 0;
      },
    });
    const error = fails(() => r.start());
    assert.equal(error.code, code);
    assert.equal(
      error.message,
      `${callback} returned false: the filter refuses its configuration (it logged: bad regex at column 7)`,
    );
    assert.ok(!r.calls.some(c => c.startsWith('configure') && callback !== 'proxy_on_configure'));
    r.script = { [callback]: () => 0 };
    assert.match(fails(() => r.start()).message, /it logged no reason/);
    r.script = {};
    assert.ok(r.start());
  });
}

test('a reason on stderr counts, even without a newline', async () => {
  const r = await rig({
    proxy_on_configure: p => {
      const [ptr, size] = p.put('panicked at line 1');
      p.memory.writeUInt32LE(ptr, 512);
      p.memory.writeUInt32LE(size, 516);
      p.call('fd_write', 2, 512, 1, 16);
      return 0;
    },
  });
  assert.match(fails(() => r.start()).message, /it logged: panicked at line 1/);
});
