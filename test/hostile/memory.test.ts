import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { FULL, type Handmade, repeat } from './encode.ts';
import { hostile, refused } from './expect.ts';
import { limitHits, ofEvil } from './harness.ts';

const MIB = 1024 * 1024;
const LIMIT = 16 * MIB;
/** Fresh pages cost time, on a busy machine much of it. */
const LONG = { callTime: '200ms' };
/** What the guests that grow tables compare with. */
const TABLES = { ...LONG, tableElements: 65_536 };
const HEADERS = 'proxy_on_request_headers';

describe('a guest that takes all the memory it can get', () => {
  hostile(
    'stays within limits.memory, and lives on',
    { guest: 'bomb', filter: { limits: LONG } },
    { status: 200, also: outcome => assert.equal(ofEvil(outcome, 'memory_bytes'), LIMIT) },
  );

  hostile(
    'stays within a limit of its own',
    { guest: 'bomb', filter: { limits: { memory: '192KiB', ...LONG } } },
    { status: 200, also: outcome => assert.equal(ofEvil(outcome, 'memory_bytes'), 192 * 1024) },
  );

  hostile(
    'has a VM for each request',
    { guest: 'bomb', filter: { isolation: 'request', limits: LONG }, requests: 10 },
    { status: 200 },
  );

  hostile(
    'and aborts: the limit is named and counted',
    { guest: 'bomb-abort', requests: 10 },
    {
      status: 503,
      kind: 'trap',
      report: {
        code: 'GUEST_TRAP',
        callback: HEADERS,
        message: /at limits\.memory \(16777216 bytes\)/,
        frame: 'abort',
      },
      also: outcome => assert.ok(limitHits(outcome, 'memory') >= 10),
    },
  );

  hostile('asks for more than there is', { guest: 'bomb-leap' }, { status: 200 });

  hostile(
    'has sixteen memories: together they stay within the limit',
    { guest: 'memories' },
    {
      status: 200,
      also: outcome => {
        const bytes = ofEvil(outcome, 'memory_bytes');
        assert.ok(bytes > LIMIT - 16 * 65_536 && bytes <= LIMIT, `${bytes} bytes`);
      },
    },
  );
});

describe('VMs that die', () => {
  hostile(
    'with all the memory they could get: they leave nothing behind',
    { guest: 'loop-fill', requests: 40 },
    {
      status: 503,
      kind: 'interruption',
      report: { code: 'GUEST_TIMEOUT', callback: HEADERS, frame: 'evil' },
    },
  );
  hostile(
    'at once: they leave nothing behind',
    { guest: 'trap', requests: 200 },
    { status: 503, kind: 'trap', report: { code: 'GUEST_TRAP', callback: HEADERS, frame: 'fall' } },
  );
});

describe('a guest that needs too much is refused when it is loaded', () => {
  refused('memory', { guest: 'minimum' }, /needs 64 MiB of memory at the start, limits\.memory is 16 MiB/);
  refused('two memories', { guest: 'minimum-sum' }, /needs 18 MiB of memory.*limits\.memory is 16 MiB/);
  refused('seventeen memories', { guest: 'memories-many' }, /has 17 memories, Weir takes up to 16/);
  refused('a 64-bit memory', { guest: 'bomb-wide' }, /has a 64-bit memory/);
  refused(
    'a table',
    { guest: 'table-minimum' },
    /needs 1000000 table elements.*limits\.tableElements is \d+/,
  );
});

describe('a guest that grows tables', () => {
  hostile(
    'stays within limits.tableElements',
    { guest: 'table-bomb', filter: { limits: TABLES } },
    { status: 200 },
  );
  hostile(
    'has three of them: together they stay within the limit',
    { guest: 'table-bomb-extern', filter: { limits: TABLES } },
    { status: 200 },
  );
});

describe('a guest whose allocator', () => {
  hostile(
    'grows the memory each time: hostcalls read and write what is there after',
    { guest: 'allocator-grows', requests: 20 },
    { status: 200, also: outcome => assert.equal(ofEvil(outcome, 'memory_bytes'), 22 * 65_536) },
  );
  hostile(
    'grows the memory each time, beyond the limit: it dies as it says',
    { guest: 'allocator-grows', filter: { limits: { memory: '128KiB' } } },
    {
      status: 503,
      kind: 'trap',
      report: { code: 'GUEST_TRAP', callback: HEADERS, message: /limits\.memory/, frame: 'abort' },
    },
  );
  hostile('answers with memory that is not there', { guest: 'allocator-leaps' }, { status: 200 });
});

describe('a large module', () => {
  const data = [{ offset: 0, bytes: Buffer.alloc(20 * MIB, 7) }];
  const table = [0x02, 0x40, 0x41, 0, 0x0e, 0xf0, 0xff, 3, ...new Array<number>(65_521).fill(0), 0x0b];
  const blocks = [...repeat([0x02, 0x40], 50_000), ...repeat([0x0b], 50_000)];
  const large = (title: string, guest: Handmade, limits = {}) =>
    hostile(title, { guest, filter: { limits: { ...LONG, ...limits } }, requests: 3 }, { status: 200 });

  large('20 MiB of data in a memory that has room', { memories: [[321]], data }, { memory: '64MiB' });
  large('200,000 functions', { functions: Array.from({ length: 200_000 }, () => []) });
  large('a br_table with 65,520 targets', { body: table });
  large('50,000 blocks in each other', { body: blocks });
  large('49,990 locals', { locals: [[49_990, 0x7e]] });
  large('all the memory from the beginning', { memories: [[FULL]] });
  refused('20 MiB of data and no room', { guest: { data } }, /data segment 0 is out of bounds/);
  refused(
    '20 MiB of data, no room within the limit',
    { guest: { memories: [[321]], data } },
    /limits\.memory is/,
  );
});
