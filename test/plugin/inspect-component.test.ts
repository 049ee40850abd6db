import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { componentEmbed, componentNew, metadataAdd } from '@bytecodealliance/jco';
import { inspectModule } from '../../src/plugin/inspect.ts';
import { fromWat, fromWit } from '../component/build.ts';
import { assemble } from '../support/guest-wat.ts';

const own = readFileSync(new URL('../../filters/wit/filter.wit', import.meta.url), 'utf8');

test('a filter: world, callbacks, imports', async () => {
  const report = await inspectModule(await fromWit(own, 'http-filter'));
  assert.deepEqual(
    { kind: report.kind, abi: report.abi, refusal: report.refusal, mayChangeBody: report.mayChangeBody },
    { kind: 'component', abi: null, refusal: '', mayChangeBody: true },
  );
  assert.deepEqual(report.component?.world, {
    kind: 'filter',
    interface: 'http',
    version: '0.1.1',
    export: 'weir:filter/http@0.1.1',
    events: [],
  });
  assert.ok(report.callbacks.includes('http-context.on-request-body'));
  assert.ok(!report.callbacks.includes('plugin-context.create-http-context'));
  const logging = report.component?.imports.find(({ name }) => name === 'weir:filter/logging@0.1.1');
  assert.deepEqual(logging, {
    name: 'weir:filter/logging@0.1.1',
    functions: ['log', 'level'],
    from: 'weir',
    grant: '',
    required: false,
  });
  assert.ok(
    report.imports.some(({ module, name, status }) => {
      return module === 'weir:filter/body@0.1.1' && name === 'write' && status === 'implemented';
    }),
  );
  assert.deepEqual(report.exports, [{ name: 'weir:filter/http@0.1.1', kind: 'interface' }]);
  const headers = await inspectModule(await fromWit(own, 'header-filter'));
  assert.equal(headers.mayChangeBody, false);
});

test('a filter that hears of more than its streams: events are callbacks', async () => {
  const { component, callbacks, refusal } = await inspectModule(await fromWit(own, 'header-service-filter'));
  assert.equal(refusal, '');
  assert.equal(component?.world?.kind === 'filter' && component.world.events.length, 5);
  assert.deepEqual(
    callbacks.filter(name => name.startsWith('on-')),
    [
      'on-tick',
      'on-http-call-response',
      'on-grpc-initial-metadata',
      'on-grpc-message',
      'on-grpc-trailing-metadata',
      'on-grpc-close',
      'on-queue-ready',
      'on-foreign-function',
    ],
  );
});

const packages = `
package acme:auth@1.0.0 { interface verifier { check: func(); } }
package wasi:clocks@0.2.3 { interface wall-clock { now: func(); } interface monotonic-clock { now: func(); } }
package wasi:cli@0.2.3 { interface stdout { get: func(); } interface environment { get: func(); } }
package wasi:clocks@0.1.0 { interface timezone { now: func(); } }`;

test('where imports come from, and what they take', async () => {
  const names = [
    'acme:auth/verifier@1.0.0',
    'wasi:clocks/wall-clock@0.2.3',
    'wasi:clocks/monotonic-clock@0.2.3',
    'wasi:clocks/timezone@0.1.0',
    'wasi:cli/stdout@0.2.3',
    'wasi:cli/environment@0.2.3',
  ];
  const world = `package a:b; world w { ${names.map(name => `import ${name};`).join(' ')} }`;
  const { component, imports } = await inspectModule(await fromWit(`${world}${packages}`, 'w'));
  const found = component!.imports.map(({ name, from, grant, required }) => [name, from, grant, required]);
  assert.deepEqual(found.toSorted(), [
    ['acme:auth/verifier@1.0.0', 'plug', '', false],
    ['wasi:cli/environment@0.2.3', 'wasi', 'env: {NAME: value}, or capabilities.env: [NAME]', false],
    ['wasi:cli/stdout@0.2.3', 'wasi', '', false],
    ['wasi:clocks/monotonic-clock@0.2.3', 'wasi', 'capabilities.clocks: [monotonic]', true],
    ['wasi:clocks/timezone@0.1.0', 'plug', '', false],
    ['wasi:clocks/wall-clock@0.2.3', 'wasi', 'capabilities.clocks: [wall]', true],
  ]);
  assert.deepEqual(
    imports.filter(({ status }) => status !== 'implemented').map(({ module, status }) => [module, status]),
    [
      ['acme:auth/verifier@1.0.0', 'plug'],
      ['wasi:clocks/timezone@0.1.0', 'plug'],
    ],
  );
});

test('WASI 0.3 is nothing that a plug could provide', async () => {
  const text = `package a:b; world w { import wasi:clocks/system-clock@0.3.0-rc-2025-09-16; }
package wasi:clocks@0.3.0-rc-2025-09-16 { interface system-clock { now: func(); } }`;
  const { component, refusal } = await inspectModule(await fromWit(text, 'w'));
  assert.deepEqual(
    component!.imports.map(({ from }) => from),
    ['unknown'],
  );
  assert.match(refusal, /WASI 0\.3 is not run/);
});

test('something to plug in is no filter, and not refused', async () => {
  const text = `package a:b; world w { export acme:auth/verifier@1.0.0; }${packages}`;
  const { component, refusal } = await inspectModule(await fromWit(text, 'w'));
  assert.equal(component?.world, null);
  assert.equal(refusal, '');
  assert.deepEqual(component.exports, [
    { name: 'acme:auth/verifier@1.0.0', kind: 'interface', functions: ['check'] },
  ]);
});

test('a command, an empty component: the reason', async () => {
  const empty = await inspectModule(await fromWat('(component)'));
  assert.match(empty.refusal, /of another world: it exports nothing/);
  const command =
    'package a:b; world w { export wasi:cli/run@0.2.0; } package wasi:cli@0.2.0 { interface run { run: func() -> result; } }';
  assert.match((await inspectModule(await fromWit(command, 'w'))).refusal, /a command/);
});

test('core modules, those of components within it included', async () => {
  const { component, memory } = await inspectModule(
    await fromWat(`(component
      (core module (memory 1 2))
      (component (core module (memory 3)))
      (core module))`),
  );
  assert.deepEqual(
    component?.cores.map(core => core.memory),
    [{ initialBytes: 65536, maximumBytes: 131072 }, { initialBytes: 196608, maximumBytes: null }, null],
  );
  assert.deepEqual(memory, { initialBytes: 262144, maximumBytes: null });
});

test('a core module that Weir can not keep within limits: the reason', async () => {
  const bytes = await fromWat(
    '(component (core module (type (struct)) (func struct.new 0 drop)) (component $c) (instance $i (instantiate $c)) (export "x" (instance $i)))',
  );
  assert.match((await inspectModule(bytes)).refusal, /^a core module of it: .*struct\.new/);
});

test('producers of the component and its modules, each once', async () => {
  const core = await metadataAdd(assemble('(module (func (export "f")))'), [
    ['language', [['Zig', '']]],
    ['processed-by', [['zig', '0.15']]],
  ]);
  const embedded = await componentEmbed({
    binary: core,
    witSource: 'package a:b; world w { export f: func(); }',
  });
  const { language, producers } = await inspectModule(await componentNew(embedded, []));
  assert.equal(language, 'Zig');
  assert.match(producers['processed-by'] ?? '', /^wit-component [\d.]+, zig 0\.15$/);
});

test('components that lie deep in each other', async () => {
  let bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
  const header = bytes;
  for (let n = 0; n < 2000; n++) {
    const size = bytes.length;
    const leb = [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
    bytes = Uint8Array.from([...header, 4, ...leb, ...bytes]);
  }
  assert.deepEqual((await inspectModule(bytes)).component?.cores, []);
});

test('bytes that are no component although they begin so', async () => {
  const bytes = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, 7, 200);
  await assert.rejects(inspectModule(bytes), { name: 'ModuleError', code: 'MODULE_MALFORMED' });
});
