import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModuleError, WeirError } from '../../../src/errors.ts';
import { workerCount } from '../../../src/runtime/workers/count.ts';
import type { PostedLine } from '../../../src/runtime/workers/messages.ts';
import { postedError, receivedError } from '../../../src/runtime/workers/posted-error.ts';
import { levelsOf, PostedLog, writeLines } from '../../../src/runtime/workers/posted-log.ts';
import { withBuffers } from '../../../src/runtime/workers/with-buffers.ts';
import { MemoryLog } from '../../support/log.ts';
import { until } from '../../support/wait.ts';

test('how many threads: what was asked for, as many as there are cores, one where ports are not shared', async () => {
  const log = new MemoryLog();
  const shares = async () => true;
  const alone = async () => false;
  assert.equal(await workerCount(3, log, shares, 8), 3);
  assert.equal(await workerCount('auto', log, shares, 8), 8);
  assert.equal(await workerCount(1, log, alone, 8), 1);
  assert.equal(await workerCount('auto', log, alone, 1), 1);
  assert.deepEqual(log.lines, []);
  assert.equal(await workerCount('auto', log, alone, 8), 1);
  assert.match(log.at('info')[0]!.message, /^one thread serves: /);
  await assert.rejects(workerCount(2, log, alone, 8), {
    code: 'WORKER_FAILED',
    message: /^workers: 2: .*: set workers: 1$/,
  });
});

test('lines of one turn go together, warnings at once with all before them, levels are decided where they come from', async () => {
  const posted: (readonly PostedLine[])[] = [];
  const main = new MemoryLog();
  const levels = { ...levelsOf(main), enabled: ['info', 'warn'] as const };
  const log = new PostedLog(levels, lines => posted.push(lines));
  assert.equal(log.isLevelEnabled('debug'), false);
  log.debug({}, 'unseen');
  log.info({ filter: 'f' }, 'one');
  log.info({}, 'two');
  assert.equal(posted.length, 0);
  await until(() => posted.length === 1);
  log.info({}, 'three');
  log.warn({ err: Object.assign(new Error('no'), { code: 'E', f() {} }), g: () => 1 }, 'four');
  assert.deepEqual(
    posted.map(lines => lines.map(([, , message]) => message)),
    [
      ['one', 'two'],
      ['three', 'four'],
    ],
  );
  for (const lines of structuredClone(posted)) writeLines(main, 2, levels, lines);
  assert.deepEqual(main.lines[0], { level: 'info', fields: { worker: 2, filter: 'f' }, message: 'one' });
  const { err, g } = main.lines[3]!.fields as { err: Record<string, string>; g: string };
  assert.deepEqual([err['message'], err['code'], err['type'], g], ['no', 'E', 'Error', '() => 1']);
});

test('who logs faster than can be written loses lines, but no errors, and is told how many', () => {
  const posted: PostedLine[] = [];
  const main = new MemoryLog();
  const levels = levelsOf(main);
  const log = new PostedLog(levels, lines => posted.push(...lines));
  for (let i = 0; i < 20_000; i++) log.info({}, 'much');
  log.error({}, 'an error');
  log.flush();
  assert.ok(posted.length < 10_200);
  assert.equal(posted.at(-1)![2], 'an error');
  const dropped = posted.filter(([, , message]) => /log lines dropped/.test(message));
  assert.equal((dropped[0]![1] as { dropped: number }).dropped + posted.length - 2, 20_000);
  writeLines(main, 1, levels, posted);
  log.info({}, 'again');
  log.flush();
  assert.equal(posted.at(-1)![2], 'again');
});

test('errors keep class, code and cause', () => {
  const error = new WeirError('PLUGIN_START_FAILED', 'a', { cause: new ModuleError('MODULE_LIMIT', 'b') });
  const same = receivedError(structuredClone(postedError(error)));
  assert.deepEqual([same.name, same.code, same.message], ['WeirError', 'PLUGIN_START_FAILED', 'a']);
  assert.ok(same.cause instanceof ModuleError);
  assert.equal(same.cause.code, 'MODULE_LIMIT');
  assert.equal(receivedError(postedError('text')).code, 'WORKER_FAILED');
});

test('bytes are Buffers again, wherever they stand', () => {
  const shared = { config: Buffer.from('abc') };
  const value = { map: new Map([['a', shared]]), list: [Buffer.alloc(0), 1, null], again: shared };
  const same = withBuffers(structuredClone(value));
  assert.ok(Buffer.isBuffer(same.map.get('a')!.config) && Buffer.isBuffer(same.list[0]));
  assert.equal(same.again.config.toString('latin1'), 'abc');
  assert.deepEqual(same, value);
});
