import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadConfigText } from '../../src/config/load.ts';
import { StartError } from '../../src/runtime/start-error.ts';
import { startWeir } from '../../src/runtime/weir.ts';
import { weir } from '../cli/command.ts';
import { assemble } from '../support/guest-wat.ts';
import { MemoryLog } from '../support/log.ts';
import { RawClient } from '../support/raw-client.ts';
import { closedPort } from '../support/upstream.ts';
import { ROOT } from '../support/weir.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-start-'));
after(() => rmSync(folder, { recursive: true }));

const PROBE = readFileSync(`${ROOT}test/fixtures/probe/probe.wasm`);

interface Parts {
  readonly imports?: string;
  readonly marker?: string;
  readonly memory?: string;
  readonly allocator?: string;
  readonly rest?: string;
}

/** A module that would start, but for the part given. */
function module({ imports = '', marker, memory, allocator, rest = '' }: Parts): Uint8Array {
  return assemble(`(module
    ${imports}
    ${memory ?? '(memory (export "memory") 1)'}
    ${marker ?? '(func (export "proxy_abi_version_0_2_1"))'}
    ${allocator ?? '(func (export "malloc") (param i32) (result i32) (i32.const 1024))'}
    ${rest}
  )`);
}

const callback = (name: string, params: number, body: string) =>
  `(func (export "${name}") (param ${'i32 '.repeat(params)}) (result i32) ${body})`;

interface Fault {
  readonly bytes: Uint8Array | string;
  readonly reason: RegExp;
  readonly code: string;
  readonly config?: unknown;
  readonly vmConfig?: unknown;
}

const START = 'PLUGIN_START_FAILED';
const CONFIGURE = 'PLUGIN_CONFIGURE_FAILED';
const EXPORT = 'MODULE_EXPORT_INVALID';

/** By the filter's name. */
const FAULTS: Readonly<Record<string, Fault>> = {
  empty: { bytes: '', reason: /the file is empty/, code: 'MODULE_NOT_WASM' },
  text: { bytes: 'hello\nthere', reason: /the file is not WebAssembly/, code: 'MODULE_NOT_WASM' },
  wat: { bytes: '(module)', reason: /WebAssembly text: assemble it first/, code: 'MODULE_NOT_WASM' },
  short: { bytes: PROBE.subarray(0, 6), reason: /not WebAssembly/, code: 'MODULE_NOT_WASM' },
  'bare-header': {
    bytes: PROBE.subarray(0, 8),
    reason: /exports no proxy_abi_version/,
    code: 'MODULE_NO_ABI',
  },
  truncated: {
    bytes: PROBE.subarray(0, PROBE.length / 2),
    reason: /the module is cut off/,
    code: 'MODULE_MALFORMED',
  },
  'last-byte': {
    bytes: PROBE.subarray(0, PROBE.length - 1),
    reason: /the module is cut off/,
    code: 'MODULE_MALFORMED',
  },
  component: {
    bytes: Buffer.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]),
    reason: /the component is of another world: it exports nothing/,
    code: 'MODULE_NO_ABI',
  },
  'no-marker': {
    bytes: module({ marker: '' }),
    reason: /exports no proxy_abi_version/,
    code: 'MODULE_NO_ABI',
  },
  'new-marker': {
    bytes: module({ marker: '(func (export "proxy_abi_version_0_3_0"))' }),
    reason: /exports no proxy_abi_version/,
    code: 'MODULE_NO_ABI',
  },
  'unknown-import': {
    bytes: module({ imports: '(import "env" "proxy_no_such" (func)) (import "other" "thing" (func))' }),
    reason: /env\.proxy_no_such, other\.thing/,
    code: 'MODULE_IMPORT_UNKNOWN',
  },
  'import-of-another-version': {
    bytes: module({ imports: '(import "env" "proxy_continue_request" (func (result i32)))' }),
    reason: /proxy_continue_request \(ABI 0\.1\.0 has it\)/,
    code: 'MODULE_IMPORT_UNKNOWN',
  },
  'import-of-a-memory': {
    bytes: module({ imports: '(import "env" "memory" (memory 1))', memory: '' }),
    reason: /env\.memory \(a memory\)/,
    code: 'MODULE_IMPORT_UNKNOWN',
  },
  'no-memory': { bytes: module({ memory: '' }), reason: /exports no memory/, code: EXPORT },
  'hidden-memory': { bytes: module({ memory: '(memory 1)' }), reason: /exports no memory/, code: EXPORT },
  'no-allocator': { bytes: module({ allocator: '' }), reason: /exports no allocator/, code: EXPORT },
  'callback-no-function': {
    bytes: module({ rest: '(global (export "proxy_on_configure") i32 (i32.const 1))' }),
    reason: /proxy_on_configure is a global/,
    code: EXPORT,
  },
  'start-false': {
    bytes: module({ rest: callback('proxy_on_vm_start', 2, '(i32.const 0)') }),
    reason: /proxy_on_vm_start returned false.*logged no reason/,
    code: START,
  },
  'configure-false': {
    bytes: module({ rest: callback('proxy_on_configure', 2, '(i32.const 0)') }),
    reason: /proxy_on_configure returned false.*logged no reason/,
    code: CONFIGURE,
  },
  'start-false-says-why': {
    bytes: PROBE,
    vmConfig: {
      vmStart: [
        ['log', 4, 'no\nthanks'],
        ['return', 0],
      ],
    },
    reason: /vm_start returned false.*logged: no thanks/,
    code: START,
  },
  'configure-false-says-why': {
    bytes: PROBE,
    config: {
      configure: [
        ['log', 4, 'not this'],
        ['return', 0],
      ],
    },
    reason: /configure returned false.*logged: not this/,
    code: CONFIGURE,
  },
  'trap-at-instantiation': {
    bytes: module({ rest: '(func $f unreachable) (start $f)' }),
    reason: /instantiation: trap: unreachable/,
    code: 'GUEST_TRAP',
  },
  'trap-in-initialize': {
    bytes: module({ rest: '(func (export "_initialize") unreachable)' }),
    reason: /_initialize: trap: unreachable/,
    code: 'GUEST_TRAP',
  },
  'trap-in-main': {
    bytes: module({
      rest: '(func (export "_initialize")) (func (export "main") (param i32 i32) (result i32) unreachable)',
    }),
    reason: /main: trap: unreachable/,
    code: 'GUEST_TRAP',
  },
  'trap-in-vm-start': {
    bytes: PROBE,
    vmConfig: { vmStart: [['trap']] },
    reason: /proxy_on_vm_start: trap: unreachable/,
    code: 'GUEST_TRAP',
  },
  'trap-in-configure': {
    bytes: PROBE,
    config: { configure: [['trap']] },
    reason: /proxy_on_configure: trap: unreachable/,
    code: 'GUEST_TRAP',
  },
  'trap-in-create': {
    bytes: module({ rest: '(func (export "proxy_on_context_create") (param i32 i32) unreachable)' }),
    reason: /proxy_on_context_create: trap: unreachable/,
    code: 'GUEST_TRAP',
  },
  'exit-in-configure': {
    bytes: PROBE,
    config: { configure: [['exit', 7]] },
    reason: /proxy_on_configure: the guest called proc_exit\(7\)/,
    code: 'GUEST_EXIT',
  },
  'hostcall-at-start': {
    bytes: module({
      imports: '(import "env" "proxy_get_buffer_bytes" (func $get (param i32 i32 i32 i32 i32) (result i32)))',
      rest: '(func (export "_initialize") (drop (call $get (i32.const 7) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 4))))',
    }),
    reason: /_initialize: .*only logging and WASI are allowed/,
    code: 'GUEST_TRAP',
  },
  'deep-recursion': {
    bytes: module({ rest: '(func $f (export "_initialize") (call $f))' }),
    reason: /_initialize: trap: /,
    code: 'GUEST_TRAP',
  },
};

/** A configuration of these filters, all of them in use; each has a line of its own. */
function configuration(names: readonly string[], port = 0): { text: string; file: string } {
  for (const name of names) writeFileSync(join(folder, `${name}.wasm`), FAULTS[name]!.bytes);
  const lines = names.map(name => {
    const { config, vmConfig } = FAULTS[name]!;
    // A VM of its own: one that dies takes those who share it along.
    return `  ${name}: ${JSON.stringify({ module: `${name}.wasm`, vmId: name, config, vmConfig })}`;
  });
  const route = JSON.stringify({ upstream: 'app', filters: names });
  const text = [
    'filters:',
    ...lines,
    `listeners: [{address: "127.0.0.1:${port}", routes: [${route}]}]`,
    'upstreams: {app: {endpoints: ["builtin:echo"]}}',
    'modules: {cache: {directory: false}}',
    'workers: 1',
  ];
  return { text: `${text.join('\n')}\n`, file: join(folder, 'weir.yaml') };
}

/** A client that gets no connection. */
async function nothingListens(port: number): Promise<void> {
  await assert.rejects(RawClient.open(port), { code: 'ECONNREFUSED' });
}

describe('a filter that cannot start: a one-line error with place, name and reason, and nothing listens', () => {
  for (const [name, { reason, code }] of Object.entries(FAULTS)) {
    it(name, async () => {
      const port = await closedPort();
      const { text, file } = configuration([name], port);
      const error = await startWeir(loadConfigText(text, file), new MemoryLog()).then(
        () => assert.fail('it started'),
        (error: unknown) => error,
      );
      assert.ok(error instanceof StartError, String(error));
      const start = `${file}:2:3: filters.${name}: `;
      assert.equal(error.message.slice(0, start.length), start);
      assert.ok(!/\p{Cc}/u.test(error.message), JSON.stringify(error.message));
      assert.match(error.message.slice(start.length), reason);
      assert.equal(error.code, code);
      await nothingListens(port);
    });
  }

  it('one that starts does not help the others: all faults at once, in order', async () => {
    const names = Object.keys(FAULTS);
    const { text, file } = configuration(names);
    await assert.rejects(startWeir(loadConfigText(text, file), new MemoryLog()), (error: StartError) => {
      assert.deepEqual(
        error.message.split('\n').map(line => line.slice(file.length).split(': ')[1]),
        names.map(name => `filters.${name}`),
      );
      return true;
    });
  });

  it('the module of a filter that no route uses is not started', async () => {
    const { text, file } = configuration(['trap-in-initialize']);
    const unused = text.replace(/"filters":\[.*?\]/, '"filters":[]');
    const running = await startWeir(loadConfigText(unused, file), new MemoryLog());
    await running.close();
  });

  it('a port that is taken: the filters started and ended again', async t => {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    writeFileSync(join(folder, 'probe.wasm'), PROBE);
    const text = `workers: 1\nfilters: {a: {module: probe.wasm}}\nlisteners: [{address: "127.0.0.1:${port}", routes: [{upstream: app, filters: [a]}]}]\nupstreams: {app: {endpoints: ["builtin:echo"]}}\n`;
    const log = new MemoryLog();
    await assert.rejects(startWeir(loadConfigText(text, join(folder, 'weir.yaml')), log), {
      code: 'LISTEN_FAILED',
    });
    assert.ok(log.lines.some(l => l.message.startsWith('{"on":"delete"')));
  });
});

describe('the same from the command line', () => {
  for (const command of ['check', 'run']) {
    it(`weir ${command}: every fault on stderr, exit 1, nothing listens`, async () => {
      const names = Object.keys(FAULTS);
      const port = await closedPort();
      const { text, file } = configuration(names, port);
      writeFileSync(file, text);
      const { code, stdout, stderr } = await weir([command, file]);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      const lines = stderr.split('\n').filter(line => line.startsWith(file));
      assert.equal(lines.length, names.length, stderr);
      for (const [i, name] of names.entries()) {
        const start = `${file}:${i + 2}:3: filters.${name}: `;
        assert.equal(lines[i]?.slice(0, start.length), start);
        assert.match(lines[i]!, FAULTS[name]!.reason);
      }
      await nothingListens(port);
    });
  }
});
