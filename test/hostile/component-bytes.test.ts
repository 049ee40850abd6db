import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { StartError } from '../../src/runtime/start-error.ts';
import type { TestWeir } from '../support/weir.ts';
import { assemble } from './build.ts';
import { component, coreText } from './component-build.ts';
import { bytesOf, files, nested, numbers, section, sectionIds, withCores } from './component-bytes.ts';
import { refuseAll, startAll } from './component-harness.ts';
import { faultOf, send } from './load.ts';
import { parseMetrics } from './resources.ts';

/** Of each guest; WEIR_FLIPS makes it more. */
const FLIPS = Number(process.env['WEIR_FLIPS'] ?? 60);
const CUTS = 40;
const TIMEOUT = 280_000;
const limits = { startTime: '200ms' };

/** Bytes that are hardly a component any more, by their number: refused in one line, or filters that run. */
async function survive(t: TestContext, broken: readonly Uint8Array[]): Promise<void> {
  const paths = files(t, broken);
  const cache = join(dirname(paths[0]!), 'cache');
  const left = new Set(paths.keys());
  const chosen = () => [...left].map(i => ({ guest: paths[i]!, filter: { limits } }));
  let weir: TestWeir | undefined;
  try {
    weir = await startAll(t, chosen(), '', cache);
  } catch (error) {
    assert.ok(error instanceof StartError, String(error));
    for (const { message, code } of error.errors) {
      const i = Number(/ filters\.evil-(\d+): \S/.exec(message)?.[1]);
      assert.ok(left.delete(i), `${message} of nobody`);
      assert.doesNotMatch(message, /\p{Cc}/u);
      assert.doesNotMatch(
        message,
        /fault in a hostcall|is not a function(?! type)|reading '|\bat \S+:\d+/,
        `${i}`,
      );
      assert.match(code, /^(MODULE|GUEST|PLUGIN)_/);
    }
  }
  t.diagnostic(`${broken.length}: ${broken.length - left.size} refused`);
  if (left.size === 0) return;
  // What was transpiled is in the cache.
  weir ??= await startAll(t, chosen(), '', cache);
  for (let i = 0; i < left.size; i++) {
    const answer = await send(weir.port, { method: 'POST', path: `/evil-${i}/`, body: 'some body' });
    assert.ok(answer.status === 'reset' || answer.status < 600);
    assert.equal(faultOf('/good', await send(weir.port, { path: '/good' })), undefined);
  }
  for (const [label, value] of parseMetrics(await weir.running.metrics()))
    if (label.includes('kind="host_fault"')) assert.equal(value, 0, label);
  assert.deepEqual(weir.log.at('fatal'), []);
}

for (const guest of ['script', 'script.lifted', 'huge.lifted']) {
  it(`single bits of a component turned: ${guest}`, { timeout: TIMEOUT }, async t => {
    const whole = bytesOf(guest);
    const next = numbers(guest.length);
    // One in two where most is said in few bytes: what stands behind the core modules.
    const tail = Math.floor(whole.length * 0.75);
    const flips = Array.from({ length: FLIPS }, (_, i) => {
      const bytes = Buffer.from(whole);
      const at = i % 2 === 0 ? 8 + next(whole.length - 8) : tail + next(whole.length - tail);
      bytes[at]! ^= 1 << next(8);
      return bytes;
    });
    await survive(t, flips);
  });
}

it('components that are cut off', { timeout: TIMEOUT }, async t => {
  const whole = bytesOf('script');
  const next = numbers(7);
  const cuts = Array.from({ length: CUTS }, () => whole.subarray(0, 8 + next(whole.length - 8)));
  await survive(t, [
    ...cuts,
    whole.subarray(0, 8),
    Buffer.concat([whole, whole]),
    Buffer.concat([whole, Buffer.from([0])]),
  ]);
});

const EMPTY = assemble('empty.wat', '(module)');
const PAGE = assemble('page.wat', '(module (memory 1))');
const TABLE = assemble('table.wat', '(module (table 10 funcref))');
const TABLES = assemble('tables.wat', '(module (table 40000 funcref))');

it('many core modules, instances and memories, deep nesting', { timeout: TIMEOUT }, async t => {
  const script = bytesOf('script');
  const [many, more, memories, tables, large, deep, empty] = files(t, [
    withCores(script, EMPTY, 100_000),
    withCores(script, EMPTY, 900),
    withCores(script, PAGE, 2),
    withCores(script, TABLE, 2),
    withCores(script, TABLES, 1),
    nested(1000),
    nested(0),
  ]);
  await refuseAll(t, '', [
    { guest: many!, message: /: the component has more than 256 instances of core modules$/ },
    { guest: more!, message: /: the component has more than 256 instances of core modules$/ },
    { guest: memories!, message: /: the component has several instances of a core module with a memory/ },
    {
      guest: tables!,
      message: /: the component has several instances of a core module with a memory or table/,
    },
    {
      guest: large!,
      message: /: the component starts with \d+ table elements, limits\.tableElements is 32768/,
    },
    { guest: deep!, message: /: the component is of another world: it exports nothing/ },
    { guest: empty!, message: /: the component is of another world: it exports nothing/ },
  ]);
  await survive(t, [withCores(script, EMPTY, 200)]);
});

it('50 MB of nothing, and of names', { timeout: TIMEOUT }, async t => {
  const script = bytesOf('script');
  const name = [4, ...Buffer.from('junk')];
  const junk = Buffer.alloc(50 * 1024 * 1024, 7);
  const start = performance.now();
  await survive(t, [Buffer.concat([script, section(0, name, junk)])]);
  await survive(t, [Buffer.concat([script, junk])]);
  t.diagnostic(`${(performance.now() - start).toFixed(0)} ms`);
});

const WIT = readFileSync(new URL('../../filters/wit/0.1.0/filter.wit', import.meta.url), 'utf8');

/** The component of a whole core module. */
const made = (text: string, wit: string, world: string) =>
  component(assemble('guest.wat', text), { wit, world });

it('other worlds', { timeout: TIMEOUT }, async t => {
  const of = (version: string) =>
    [
      coreText('(func $http-on-log (param i32) (drop (call $logging.level)))').replaceAll(
        '@0.1.0',
        `@${version}`,
      ),
      WIT.replaceAll('weir:filter@0.1.0', `weir:filter@${version}`),
      'http-filter',
    ] as const;
  const strange = `package evil:thing@0.1.0;
    interface api { take: func(all: list<list<string>>); }
    world w { import api; }`;
  const alone =
    '(module (import "evil:thing/api@0.1.0" "take" (func (param i32 i32))) (memory (export "memory") 1))';
  const later = `package wasi:http@0.3.0;
    interface handler { handle: func(request: u32) -> u32; }
    world w { export handler; }`;
  const handler =
    '(module (memory (export "memory") 1) (func (export "wasi:http/handler@0.3.0#handle") (param i32) (result i32) (i32.const 0)))';
  const nothing = 'package evil:thing@0.1.0; world w { export run: func(); }';
  const [next, major, unknown, preview3, bare] = files(t, [
    await made(...of('0.2.0')),
    await made(...of('1.0.0')),
    await made(alone, strange, 'w'),
    await made(handler, later, 'w'),
    await made('(module (func (export "run")))', nothing, 'w'),
  ]);
  await refuseAll(t, '', [
    { guest: next!, message: /0\.2\.0/ },
    { guest: major!, message: /1\.0\.0/ },
    { guest: unknown!, message: /of another world/ },
    { guest: preview3!, message: /0\.3\.0/ },
    { guest: bare!, message: /of another world/ },
  ]);
});

it('sections are counted as they are', () => {
  assert.ok(sectionIds(bytesOf('script')).includes(1));
});
