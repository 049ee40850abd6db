import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Report } from '../../src/bench/types.ts';
import { repository, weir } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
after(() => rmSync(folder, { recursive: true }));

const short = ['--rounds', '2', '--slice', '50ms', '--warm-up', '50ms', '--connections', '4'];

test('each filter of a route alone, and the whole chain', async () => {
  const json = join(folder, 'report.json');
  const html = join(folder, 'report.html');
  const headers = ['-H', 'x-one: secret', '--header=x-two: a:b'];
  const args = ['bench', 'config/weir.yaml', ...short, ...headers, '--json', json, '--html', html];
  const { code, stdout, stderr } = await weir(args);
  assert.equal(code, 0, stderr);
  const report: Report = JSON.parse(readFileSync(json, 'utf8'));
  assert.match(
    report.command,
    /^weir bench config\/weir\.yaml .* -H 'x-one: \.\.\.' '--header=x-two: \.\.\.' --json /,
  );
  const [group] = report.groups;
  const found = group!.cases.map(({ name, filters, errors }) => [name, filters, errors]);
  assert.deepEqual(found, [
    ['no filters', 0, 0],
    ['cookie-to-header', 1, 0],
    ['add-header', 1, 0],
    ['security-headers', 1, 0],
    ['the chain of 3', 3, 0],
  ]);
  for (const [name] of found) assert.ok(stdout.includes(String(name)), stdout);
  assert.match(readFileSync(html, 'utf8'), /^<!doctype html>/i);
  const compared = await weir([...args.slice(0, -4), '--compare', json, '--threshold', '9999%']);
  assert.equal(compared.code, 0, compared.stderr);
});

test('a filter that answers: what is expected decides', async () => {
  const file = join(folder, 'auth.yaml');
  writeFileSync(
    file,
    `listeners: [{address: "127.0.0.1:0", routes: [{upstream: app, filters: [auth]}]}]
upstreams: {app: {endpoints: ["http://192.0.2.1:9"]}}
filters:
  auth:
    module: ${repository}filters/cpp/basic-auth/basic-auth.wasm
    config: {users: {anna: "sha256:0123456789abcdef:${'0'.repeat(64)}"}}
`,
  );
  const expected = await weir(['bench', file, ...short, '--expect', '401']);
  assert.equal(expected.code, 0, expected.stderr);
  const not = await weir(['bench', file, ...short]);
  assert.equal(not.code, 1);
  assert.match(not.stderr, /chain: auth: [0-9]+ errors: status 401 instead of 2xx/);
});

test('what can not be measured', async () => {
  const nothing = await weir(['bench', 'config/minimal.yaml', ...short]);
  assert.equal(nothing.code, 1);
  assert.match(nothing.stderr, /takes GET \/ and has no filters/);
  const nowhere = await weir(['bench', 'config/auth.yaml', '--route', '/nowhere/at/all', '--method', 'BREW']);
  assert.ok(nowhere.code === 1 && nowhere.stderr !== '', nowhere.stderr);
  const missing = await weir(['bench', 'config/none.yaml']);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /none\.yaml/);
});

test('mistakes on the command line', async () => {
  const wrong: [string[], RegExp][] = [
    [['--route', 'x'], /begins with a slash/],
    [['--method', 'get'], /method in capitals/],
    [['-H', 'no colon'], /name: value/],
    [['-H', 'x: a\nb: c'], /name: value/],
    [['--body', '1GiB'], /size up to 256MiB/],
    [['--expect', '99'], /status code/],
    [['--slice', '5'], /duration/],
    [['--rounds', '0'], /whole number from 1/],
    [['--threshold', 'ten'], /share/],
  ];
  await Promise.all(
    wrong.map(async ([args, message]) => {
      const { code, stderr } = await weir(['bench', 'config/weir.yaml', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }),
  );
  const help = await weir(['bench', '--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--real-upstreams/);
});
