import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { assemble } from '../support/guest-wat.ts';
import { Running, weir } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-run-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const echo = 'upstreams: {app: {endpoints: ["builtin:echo"]}}\n';
const two = file(
  'two.yaml',
  `listeners:
  - {name: first, address: "127.0.0.1:0", routes: [{match: {path: /a/, methods: [POST], headers: {x-e: "it's"}}, upstream: app}]}
  - {name: second, address: "127.0.0.1:0", routes: [{match: {path: {regex: ^/b}}, upstream: app}, {upstream: app}]}
${echo}`,
);

/** A service that answers only when told to. */
async function slowService(): Promise<{ server: Server; arrived: Promise<() => void>; port: number }> {
  let tell: (answer: () => void) => void;
  const arrived = new Promise<() => void>(resolve => {
    tell = resolve;
  });
  const server = createServer((_request, response) => tell(() => response.end('late')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, arrived, port: (server.address() as AddressInfo).port };
}

const slow = (port: number, drain: string): string =>
  `listeners: [{address: "127.0.0.1:0", routes: [{upstream: app}]}]
upstreams: {app: {endpoints: ["http://127.0.0.1:${port}"]}}
shutdown: {drain: ${drain}}
`;

test('it prints addresses, routes with their chains, and a curl that works', async () => {
  await using running = new Running(['run', 'config/weir.yaml', '--port', '0']);
  const url = await running.url();
  assert.match(running.stdout, /^weir \d+\.\d+\.\d+, config\/weir\.yaml\n\n/);
  assert.match(
    running.stdout,
    /^ {2}everything {2}cookie-to-header → add-header → security-headers → demo \(builtin:echo\)$/m,
  );
  assert.ok(running.stdout.includes(`\nTry: curl -i ${url}/\n`), running.stdout);
  const response = await fetch(url);
  assert.equal(response.status, 200);
  await response.text();
});

test('several listeners, each with its routes', async () => {
  await using running = new Running(['run', two]);
  const url = await running.url();
  const [, ...sections] = running.stdout.split(/^(?=http:)/m);
  assert.equal(sections.length, 2);
  assert.match(sections[0] ?? '', /^ {2}POST \/a\/\* x-e: it's {2}app \(builtin:echo\)$/m);
  assert.match(sections[1] ?? '', /^ {2}~\^\/b {8}app \(builtin:echo\)\n {2}everything {2}app/m);
  assert.equal((await fetch(`${url}/a/`, { method: 'POST', headers: { 'x-e': "it's" } })).status, 200);
});

test('one port can not hold for several listeners', async () => {
  const { code, stdout, stderr } = await weir(['run', two, '--port', '8080']);
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' });
  assert.match(stderr, /^error: --port 8080 can't hold for 2 listeners; --port 0 can\n/);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} stops it with exit code 0`, async () => {
    await using running = new Running(['run', 'config/minimal.yaml', '--port', '0']);
    const url = await running.url();
    await (await fetch(url)).text();
    const { code, stderr } = await running.stop(signal);
    assert.equal(code, 0, stderr);
    const messages = stderr
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { msg: string }).msg);
    assert.equal(messages.at(-1), 'stopped');
    await assert.rejects(fetch(url));
  });
}

test('a request in flight ends before the process does', async () => {
  const { server, arrived, port } = await slowService();
  await using running = new Running(['run', file('slow.yaml', slow(port, '1m'))]);
  const url = await running.url();
  const response = fetch(url);
  const answer = await arrived;
  running.child.kill('SIGTERM');
  await running.output('stderr', /"msg":"stopping/);
  answer();
  assert.equal(await (await response).text(), 'late');
  assert.equal((await running.ended).code, 0);
  server.close();
});

test('a second signal ends it at once', async () => {
  const { server, arrived, port } = await slowService();
  await using running = new Running(['run', file('stuck.yaml', slow(port, '1h'))]);
  const response = fetch(await running.url()).catch(error => error as Error);
  await arrived;
  running.child.kill('SIGTERM');
  await running.output('stderr', /"msg":"stopping/);
  running.child.kill('SIGINT');
  // As though it had not been caught: whoever started it sees what ended it.
  await running.ended;
  assert.equal(running.child.signalCode, 'SIGINT');
  assert.ok((await response) instanceof Error);
  server.closeAllConnections();
  server.close();
});

test('a signal while it starts ends it at once', async () => {
  const component = readFileSync('filters/javascript/add-header/add-header.wasm');
  // Each of other bytes: none is taken from another's result. An empty custom section of another name.
  const filters = Array.from({ length: 16 }, (_, i) => {
    const path = join(folder, `start-${i}.wasm`);
    writeFileSync(path, Buffer.concat([component, Buffer.from([0, 2, 1, 97 + i])]));
    return `f${i}: {module: ${JSON.stringify(path)}}`;
  });
  const names = filters.map((_, i) => `f${i}`);
  const config = `listeners: [{address: "127.0.0.1:0", routes: [{upstream: app, filters: [${names.join(', ')}]}]}]
${echo}filters: {${filters.join(', ')}}
modules: {cache: {directory: ${JSON.stringify(file('no-directory', ''))}}}
`;
  await using running = new Running(['run', file('starting.yaml', config)]);
  // Said just before components are compiled.
  await running.output('stderr', /the cache directory is not used/);
  const { code, stderr, stdout } = await running.stop();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /"msg":"stopped before it was started"/);
  assert.equal(stdout, '');
});

test('the drain limit ends requests that do not', async () => {
  const { server, arrived, port } = await slowService();
  await using running = new Running(['run', file('drain.yaml', slow(port, '50ms'))]);
  const response = fetch(await running.url()).catch(error => error as Error);
  await arrived;
  const { code, stderr } = await running.stop();
  assert.equal(code, 0, stderr);
  assert.ok((await response) instanceof Error);
  server.closeAllConnections();
  server.close();
});

test('an idle connection does not hold the stop up', async () => {
  await using running = new Running(['run', 'config/minimal.yaml', '--port', '0']);
  const { port, hostname } = new URL(await running.url());
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(socket, 'data');
  const closed = once(socket, 'close');
  socket.resume();
  assert.equal((await running.stop()).code, 0);
  await closed;
});

test('an address in use: exit code 1, one line, nothing on stdout', async () => {
  const taken = createNetServer();
  taken.listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const { code, stdout, stderr } = await weir(['run', 'config/minimal.yaml', '--port', String(port)]);
  taken.close();
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
  assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${port}.*EADDRINUSE`));
});

test('a filter that does not start: exit code 1, and nothing listens', async () => {
  file('text.wasm', 'hello');
  const path = file(
    'half.yaml',
    `listeners: [{address: "127.0.0.1:0", routes: [{upstream: app, filters: [f]}]}]\nfilters: {f: {module: text.wasm}}\n${echo}`,
  );
  const { code, stdout, stderr } = await weir(['run', path]);
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
  assert.ok(stderr.startsWith(`${path}:2:11: filters.f: `), stderr);
  assert.equal(stderr.trimEnd().split('\n').length, 1);
});

test('--log-level and log.format: JSON by default, readable on request', async () => {
  const pretty = file(
    'pretty.yaml',
    `listeners: [{address: "127.0.0.1:0", routes: [{upstream: app}]}]\n${echo}log: {format: pretty}`,
  );
  await using running = new Running(['run', pretty]);
  await running.url();
  const { stderr } = await running.stop();
  assert.match(stderr, /INFO.*: stopped\n/);
  await using quiet = new Running(['run', 'config/minimal.yaml', '--port', '0', '--log-level', 'fatal']);
  await quiet.url();
  assert.deepEqual((await quiet.stop()).stderr, '');
});

test('a reader of stdout that goes away ends nothing', async () => {
  await using running = new Running(['run', 'config/minimal.yaml', '--port', '0']);
  running.child.stdout?.destroy();
  const [, url] = await running.output('stderr', /"addresses":\["([^"]+)"\],"msg":"started"/);
  assert.equal((await fetch(url!)).status, 200);
  assert.equal((await running.stop()).code, 0);
});

test('a thread that nothing ends holds neither the stop up nor a second signal', async () => {
  // Nobody will ever write into it.
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  writeFileSync(
    join(folder, 'blocks.js'),
    `import { readFileSync, writeSync } from 'node:fs';
export function block() { writeSync(2, 'in the call\\n'); return readFileSync(${JSON.stringify(fifo)}); }`,
  );
  writeFileSync(
    join(folder, 'blocks.wasm'),
    assemble(`(module
    (import "env" "proxy_call_foreign_function" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "block")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $call (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 68))))`),
  );
  const config = file(
    'blocks.yaml',
    `workers: 2
listeners: [{address: "127.0.0.1:0", routes: [{upstream: app, filters: [f]}]}]
${echo}filters: {f: {module: blocks.wasm}}
foreignFunctions: ./blocks.js
shutdown: {drain: 0s}
`,
  );
  for (const second of [false, true]) {
    await using running = new Running(['run', config]);
    const response = fetch(await running.url()).catch(error => error as Error);
    await running.output('stderr', /in the call/);
    running.child.kill('SIGTERM');
    await running.output('stderr', /"msg":"stopping/);
    if (second) running.child.kill('SIGTERM');
    await running.ended;
    assert.equal(running.child.signalCode, second ? 'SIGTERM' : 'SIGKILL');
    assert.ok((await response) instanceof Error);
    assert.equal(/did not end in time: stopping anyway/.test(running.stderr), !second);
  }
});
