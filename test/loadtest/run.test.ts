import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseReport } from '../../src/bench/report/parse.ts';

const root = new URL('../../', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'weir-loadtest-'));
after(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function loadtest(...args: string[]): Promise<Ended> {
  return new Promise(resolve => {
    execFile(process.execPath, ['loadtest/run.ts', ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const short = ['--rounds', '1', '--slice', '0.05', '--warm-up', '0.1', '--connections', '4'];
const baseline = join(root, 'loadtest/baseline.json');

test('one scenario, its report as JSON, and what got slower since', async () => {
  const json = join(folder, 'report.json');
  const first = await loadtest('--quick', '--only', 'local-response', ...short, '--json', json);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /answered by basic-auth/);
  const report = parseReport(readFileSync(json, 'utf8'), json);
  const [group] = report.groups;
  assert.deepEqual(
    group!.cases.map(({ name, errors }) => [name, errors]),
    [
      ['no filter', 0],
      ['answered by basic-auth', 0],
    ],
  );
  const args = ['--quick', '--only', 'local-response', ...short, '--compare'];
  const same = await loadtest(...args, json, '--threshold', '100000%');
  assert.equal(same.code, 0, same.stderr);
  // As if it had cost next to nothing before.
  const cheap = JSON.parse(readFileSync(json, 'utf8'));
  cheap.groups[0].cases[1].ratios.cpu = { median: 1e-6, low: 1e-6, high: 1e-6 };
  writeFileSync(json, JSON.stringify(cheap));
  const slower = await loadtest(...args, json);
  assert.equal(slower.code, 1);
  assert.match(slower.stdout, /answered by basic-auth/);
  const against = await loadtest(...args, baseline, '--threshold', '100000%');
  assert.equal(against.code, 0, against.stderr);
});

test('what there is, and mistakes on the command line', async () => {
  const [list, help, unknown, number, option, file] = await Promise.all([
    loadtest('--list'),
    loadtest('--help'),
    loadtest('--only', 'nothing'),
    loadtest('--rounds', 'many'),
    loadtest('--fast'),
    loadtest('--quick', '--only', 'local-response', ...short, '--compare', join(folder, 'none.json')),
  ]);
  assert.equal(list.code, 0);
  assert.match(list.stdout, /^many-filters +1,000 filters/m);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--threshold/);
  assert.deepEqual([unknown.code, number.code, option.code], [2, 2, 2]);
  assert.match(unknown.stderr, /no such scenario/);
  assert.equal(file.code, 1);
  assert.match(file.stderr, /none\.json: can't be read/);
});

test('the baseline holds ratios of every scenario, and nothing of the machine it was made on', async () => {
  const text = readFileSync(baseline, 'utf8');
  const report = parseReport(text, baseline);
  const { stdout } = await loadtest('--list');
  const scenarios = stdout
    .trim()
    .split('\n')
    .map(line => line.split(' ')[0]!);
  const others = ['start', 'cold-start', 'vm-memory'];
  assert.deepEqual(
    report.groups.map(({ name }) => name),
    scenarios.filter(name => !others.includes(name)),
  );
  for (const { cases } of report.groups) {
    for (const { name, errors, cpu, rate, latency, peakMemory, ratios } of cases) {
      assert.deepEqual([errors, cpu, rate, latency, peakMemory], [0, null, null, null, null], name);
      assert.ok(ratios.cpu.median > 0, name);
    }
  }
  assert.doesNotMatch(text, /\/(home|root|tmp|work)\//);
});
