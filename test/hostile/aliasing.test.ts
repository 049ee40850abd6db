import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StartError } from '../../src/runtime/start-error.ts';
import { type Handmade, i32 } from './encode.ts';
import { hostile, refused } from './expect.ts';
import { assertSurvived, attack, type Outcome, startAttacked } from './harness.ts';

/** What it returns may mean a pause, which ends as every pause does. */
const SHORT_PAUSE = { limits: { pauseTime: '50ms' } };

function definite(guest: string): void {
  it(guest, async t => {
    let outcome: Outcome;
    try {
      outcome = await attack(t, { guest, filter: SHORT_PAUSE, requests: 5 });
    } catch (error) {
      assert.ok(error instanceof StartError && error.code === 'MODULE_EXPORT_INVALID', String(error));
      return;
    }
    for (const status of outcome.statuses)
      assert.ok([200, 503, 504].includes(Number(status)), String(status));
    assertSurvived(outcome);
  });
}

describe('names of the engine', () => {
  hostile('as exports mean nothing', { guest: 'alias-names' }, { status: 200 });
  refused('a memory imported from it', { guest: 'alias-import-memory' }, /imports weir:engine memory0/);
  refused('the interruption flag', { guest: 'alias-import-flag' }, /imports weir:engine interrupt/);
  refused('a function imported from it', { guest: 'alias-import-function' }, /imports weir:engine anything/);
  refused(
    'a memory imported from elsewhere',
    { guest: 'alias-import-env-memory' },
    /env\.memory \(a memory\)/,
  );
});

describe('a second memory', () => {
  const sees = (value: string) => (outcome: Outcome) => {
    for (const body of outcome.bodies) {
      const { headers } = JSON.parse(body) as { headers: Record<string, string[]> };
      assert.deepEqual(headers['x-second'], [value]);
    }
  };
  hostile(
    'is the guest’s own, and not the flag',
    { guest: 'alias-second' },
    { status: 200, also: sees('other') },
  );
  hostile(
    'is what pointers mean when it is exported',
    { guest: 'alias-second-exported' },
    { status: 200, also: sees('other') },
  );
});

/** memory.atomic.notify and further instructions of the threads proposal begin with this. */
const ATOMIC = 0xfe;
const BULK = 0xfc;
const VECTOR = 0xfd;
const DROP = 0x1a;
/** Alignment with the bit for a memory index, that index, offset. */
const at = (align: number, memory: readonly number[]) => [0x40 | align, ...memory, 0];

/** Code that uses a memory by its index, one instruction each. */
const USES: readonly (readonly [string, (memory: readonly number[]) => readonly number[]])[] = [
  ['i32.load', m => [...i32(0), 0x28, ...at(2, m), DROP]],
  ['i64.load32_u', m => [...i32(0), 0x35, ...at(2, m), DROP]],
  ['i32.store', m => [...i32(0), ...i32(0), 0x36, ...at(2, m)]],
  ['i64.store8', m => [...i32(0), 0x42, 0, 0x3c, ...at(0, m)]],
  ['f64.load', m => [...i32(0), 0x2b, ...at(3, m), DROP]],
  ['memory.size', m => [0x3f, ...m, DROP]],
  ['memory.grow', m => [...i32(0), 0x40, ...m, DROP]],
  ['memory.fill', m => [...i32(0), ...i32(0), ...i32(4), BULK, 11, ...m]],
  ['memory.copy to it', m => [...i32(0), ...i32(0), ...i32(4), BULK, 10, ...m, 0]],
  ['memory.copy from it', m => [...i32(0), ...i32(0), ...i32(4), BULK, 10, 0, ...m]],
  ['memory.init', m => [...i32(0), ...i32(0), ...i32(4), BULK, 8, 0, ...m]],
  ['v128.load', m => [...i32(0), VECTOR, 0, ...at(4, m), DROP]],
  [
    'v128.load8_lane',
    m => [...i32(0), VECTOR, 12, ...new Array<number>(16).fill(0), VECTOR, 84, ...at(0, m), 0, DROP],
  ],
  ['v128.store', m => [...i32(0), VECTOR, 12, ...new Array<number>(16).fill(0), VECTOR, 11, ...at(4, m)]],
  ['memory.atomic.notify', m => [...i32(0), ...i32(1), ATOMIC, 0, ...at(2, m), DROP]],
  ['memory.atomic.wait32', m => [...i32(0), ...i32(0), 0x42, 0, ATOMIC, 1, ...at(2, m), DROP]],
  ['i32.atomic.load', m => [...i32(0), ATOMIC, 16, ...at(2, m), DROP]],
  ['i32.atomic.store', m => [...i32(0), ...i32(0), ATOMIC, 23, ...at(2, m)]],
  ['i32.atomic.rmw.add', m => [...i32(0), ...i32(0), ATOMIC, 30, ...at(2, m), DROP]],
  ['i32.atomic.rmw.cmpxchg', m => [...i32(0), ...i32(0), ...i32(0), ATOMIC, 72, ...at(2, m), DROP]],
];

async function reason(t: Parameters<typeof startAttacked>[0], guest: Handmade): Promise<string> {
  try {
    await startAttacked(t, { guest });
  } catch (error) {
    assert.ok(error instanceof StartError, String(error));
    return error.message;
  }
  return 'it started';
}

const passive = [{ bytes: [1, 2, 3, 4] }];

describe('a memory that the guest does not have: where the engine puts the flag', () => {
  it('is refused in every instruction', async t => {
    for (const [name, use] of USES) {
      assert.match(await reason(t, { body: use([1]), data: passive }), /there is no memory 1/, name);
    }
  });

  it('is refused in every way to write its index', async t => {
    for (const memory of [
      [0x81, 0],
      [0x81, 0x80, 0],
      [0x81, 0x80, 0x80, 0x80, 0],
    ]) {
      for (const [name, use] of USES) {
        assert.match(
          await reason(t, { body: use(memory), data: passive }),
          /MODULE|no memory|not valid|too long/,
          name,
        );
      }
    }
  });

  it('is refused in code that never runs', async t => {
    for (const [name, use] of USES) {
      assert.match(
        await reason(t, { body: [0x00, ...use([1])], data: passive }),
        /there is no memory 1/,
        name,
      );
    }
  });

  it('is there when it is the guest’s own', async t => {
    // A shared memory is of no use here: waiting and notifying only need to be valid.
    for (const [name, use] of USES) {
      const guest = { memories: [[2], [2]] as const, body: use([1]), data: passive };
      assert.equal(await reason(t, guest), 'it started', name);
    }
  });

  it('can’t be exported or filled', async t => {
    assert.match(await reason(t, { exports: [['flag', 2, 1]] }), /there is no memory 1/);
    assert.match(await reason(t, { data: [{ memory: 1, offset: 0, bytes: [1] }] }), /there is no memory 1/);
  });
});

describe('functions and types that the engine appends', () => {
  // memory.fill becomes a call of an appended function, which has index 3 and type 4.
  const fill = [...i32(0), ...i32(0), ...i32(4), BULK, 11, 0];
  const cases: readonly (readonly [string, Handmade, RegExp])[] = [
    ['a call', { body: [...fill, ...i32(0), ...i32(0), ...i32(4), 0x10, 3] }, /there is no function 3/],
    ['a call at the tail', { body: [...fill, 0x12, 3] }, /there is no function 3/],
    ['a reference', { body: [...fill, 0xd2, 3, DROP] }, /there is no function 3/],
    ['an export', { body: fill, exports: [['appended', 0, 3]] }, /there is no function 3/],
    ['the start function', { body: fill, start: 3 }, /there is no function 3/],
    [
      'a type of a call',
      { table: 1, body: [...fill, ...i32(0), ...i32(0), ...i32(0), ...i32(0), 0x11, 4, 0] },
      /type 4/,
    ],
    ['a type of a block', { body: [...fill, 0x02, 4, 0x0b] }, /type 4/],
  ];
  for (const [title, guest, message] of cases) {
    it(`can’t be meant by ${title}`, async t => assert.match(await reason(t, guest), message));
  }
});

describe('exports that are not what their names say', () => {
  refused('memory is a function', { guest: 'alias-memory-function' }, /exports no memory named "memory"/);
  refused('memory is a global', { guest: 'alias-memory-global' }, /exports no memory named "memory"/);
  refused('memory is a table', { guest: 'alias-memory-table' }, /exports no memory named "memory"/);
  refused('there is no memory', { guest: 'alias-no-memory' }, /exports no memory named "memory"/);
  refused(
    'a callback is a memory',
    { guest: 'alias-callback-memory' },
    /proxy_on_request_headers is a memory/,
  );
  refused(
    'a callback is a global',
    { guest: 'alias-callback-global' },
    /proxy_on_request_headers is a global/,
  );
  refused('the allocator is a global', { guest: 'alias-allocator-global' }, /allocate/);
  hostile(
    'start functions are globals: they are not called',
    { guest: 'alias-start-global' },
    { status: 200 },
  );
});

describe('callbacks with signatures of their own: refused at load, or a definite answer', () => {
  const callbacks = ['none', 'many', 'i64', 'f64', 'v128', 'externref'];
  const results = ['result-i64', 'result-f32', 'result-two', 'result-ref'];
  for (const kind of [...callbacks, ...results]) definite(`alias-callback-${kind}`);
  for (const kind of ['none', 'no-result', 'i64', 'f64', 'v128', 'result-ref', 'result-two']) {
    definite(`alias-allocator-${kind}`);
  }
  refused('of _initialize', { guest: 'alias-start-i64' }, /_initialize/);
});

describe('hostcalls that are exported', () => {
  refused('proc_exit as a callback', { guest: 'alias-exit-callback' }, /proxy_on_request_headers is \(i32\)/);
  refused('proc_exit as what is called at start', { guest: 'alias-exit-start' }, /proc_exit/);
  definite('alias-hostcall-callback');
  refused('as the allocator', { guest: 'alias-hostcall-allocator' }, /proxy_on_memory_allocate is/);
});
