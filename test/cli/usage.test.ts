import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { repository, weir } from './command.ts';

test('--version is the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(`${repository}package.json`, 'utf8')) as { version: string };
  assert.deepEqual(await weir(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help lists every command, and each command has a help with examples', async () => {
  const { code, stdout, stderr } = await weir(['--help']);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /Proxy-Wasm\s+modules\s+and\s+WASI\s+0\.2\s+components/);
  for (const command of ['run', 'check', 'inspect', 'schema']) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await weir([command, '--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, new RegExp(`^Usage: weir ${command}`));
    assert.match(help.stdout, new RegExp(`^Examples:\n  weir ${command}`, 'm'));
  }
});

/** Command lines that are wrong: exit code 2, nothing on stdout, and on stderr what to do. */
const wrong: readonly [string[], RegExp][] = [
  [[], /^Usage: weir/],
  [['rn'], /^error: unknown command 'rn'\n\(Did you mean run\?\)\n\(weir --help/],
  [['--nonsense'], /^error: unknown option '--nonsense'/],
  [['run', '--prt', '1'], /^error: unknown option '--prt'\n\(Did you mean --port\?\)/],
  [
    ['run', '--port', 'abc'],
    /^error: option .*--port.* argument 'abc' is invalid\. It is a number from 0 to 65535/,
  ],
  [['run', '--port', '65536'], /is invalid/],
  [['run', '--port'], /^error: option .*--port.* argument missing/],
  [['run', '--log-level', 'loud'], /Allowed choices are trace, debug, info, warn, error, fatal/],
  [['check'], /^error: missing required argument 'file'/],
  [['check', 'a', 'b'], /^error: too many arguments for 'check'/],
  [['inspect'], /^error: missing required argument 'module'/],
  [['schema', 'x'], /^error: too many arguments for 'schema'/],
];

for (const [args, expected] of wrong) {
  test(`exit 2: weir ${args.join(' ')}`, async () => {
    const { code, stdout, stderr } = await weir(args);
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, expected);
  });
}

test('schema prints the schema', async () => {
  const { code, stdout, stderr } = await weir(['schema']);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.deepEqual(
    JSON.parse(stdout),
    JSON.parse(readFileSync(`${repository}config/weir.schema.json`, 'utf8')),
  );
});

test('run without a file says which one it looked for', async () => {
  const { code, stdout, stderr } = await weir(['run'], { cwd: tmpdir() });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^config\/weir\.yaml: the file does not exist \(.*\)\n$/);
});

test('an older Node is told so before anything else', async () => {
  const pretend = 'Object.defineProperty(process, "versions", { value: { node: "20.1.0" } })';
  const older = [
    process.execPath,
    '--import',
    `data:text/javascript,${pretend}`,
    `${repository}src/main.ts`,
  ] as const;
  const { code, stdout, stderr } = await weir(['run'], { command: [...older] });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^weir: needs Node 24 or newer, and this is Node 20\.1\.0 \(.*\)\n$/);
});
