import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '../../src/abi/types.ts';
import type { ForeignCaller, ForeignFunction } from '../../src/plugin/services.ts';
import { type Puppet, rig, VERSIONS } from '../support/guest.ts';
import { assertAllocatorChecked, assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';

const [OK, NOT_FOUND, BAD_ARGUMENT, INTERNAL_FAILURE] = [0, 1, 2, 10];

const services = (functions: Readonly<Record<string, ForeignFunction>>) =>
  new FakeServices(new Map(Object.entries(functions)));

/** The result, or a status. */
function call(p: Puppet, name: string, args: string | Uint8Array = ''): string | number {
  const { status, bytes } = p.fetch('proxy_call_foreign_function', ...p.put(name), ...p.put(args));
  return status === OK ? bytes.toString('latin1') : status;
}

for (const abi of VERSIONS) {
  test(`a function gets its arguments, and its result is the guest's (${abi})`, async () => {
    const echo: ForeignFunction = (args, { filter }) => Buffer.from(`${filter} ${args.toString('hex')}`);
    await during(
      'proxy_on_request_headers',
      p => {
        assert.equal(call(p, 'echo', '\0\xff'), 'puppet 00ff');
        assert.equal(call(p, 'echo'), 'puppet ');
        for (const name of ['', 'ech', 'echo\0', 'Echo', '__proto__', 'x'.repeat(257)])
          assert.equal(call(p, name), NOT_FOUND);
      },
      { abi, services: services({ echo }) },
    );
  });
}

test('arguments are a copy: a function may keep and change them', async () => {
  let kept: Buffer | undefined;
  const keep: ForeignFunction = args => {
    kept = args;
    args.fill(1);
    return Status.OK;
  };
  await during(
    'proxy_on_request_headers',
    p => {
      const args = p.put('args');
      assert.equal(p.call('proxy_call_foreign_function', ...p.put('keep'), ...args, 16, 20), OK);
      assert.equal(p.text(...args), 'args');
      p.memory.fill(0);
    },
    { services: services({ keep }) },
  );
  assert.deepEqual(kept, Buffer.alloc(4, 1));
});

test('what a function says is the status; OK without a result writes nothing', async () => {
  let status = 0;
  const says: ForeignFunction = () => status as 0;
  await during(
    'proxy_on_request_headers',
    p => {
      for (status of [1, 2, 3, 4, 7, 8, 10, 12]) assert.equal(call(p, 'says'), status);
    },
    { services: services({ says }) },
  );
});

test('results that nobody wants are no matter; half of the pointers is none', async () => {
  let calls = 0;
  const counts: ForeignFunction = () => {
    calls++;
    return Buffer.from('result');
  };
  await during(
    'proxy_on_request_headers',
    p => {
      const allocated = p.allocations.length;
      const args = [...p.put('counts'), ...p.put('')];
      assert.equal(p.call('proxy_call_foreign_function', ...args, 0, 0), OK);
      assert.deepEqual([calls, p.allocations.length], [1, allocated]);
    },
    { services: services({ counts }) },
  );
});

const NAMES = ['throws', 'nothing', 'promise', 'rejects'];

test('what throws, or gives neither bytes nor a status, is INTERNAL_FAILURE and logged; the VM lives', async () => {
  const throws: ForeignFunction = () => {
    throw new Error('of its own');
  };
  const nothing = (() => undefined) as unknown as ForeignFunction;
  const promise = (async () => Buffer.alloc(1)) as unknown as ForeignFunction;
  // Nobody waits for it: it must not end the process.
  const rejects = (async () => {
    throw new Error('later');
  }) as unknown as ForeignFunction;
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      for (const name of NAMES) assert.equal(call(p, name), INTERNAL_FAILURE);
    },
    { services: services({ throws, nothing, promise, rejects }) },
  );
  for (const name of NAMES) assert.ok(r.log.texts.includes(`error foreign function ${name} failed`), name);
  assert.equal(r.registry.states.get('puppet')!.counters.hostFaults, 0);
});

test('limits.bufferedBody bounds arguments and results', async () => {
  const sizes: number[] = [];
  const grows: ForeignFunction = (args, { maxBytes }) => {
    sizes.push(maxBytes);
    return Buffer.alloc(args.length + 1);
  };
  const { rig: r } = await during(
    'proxy_on_request_headers',
    p => {
      assert.equal(call(p, 'grows', Buffer.alloc(1025)), BAD_ARGUMENT);
      assert.equal(call(p, 'grows', Buffer.alloc(1024)), BAD_ARGUMENT);
      assert.equal((call(p, 'grows', Buffer.alloc(1023)) as string).length, 1024);
    },
    { services: services({ grows }) },
  );
  assert.deepEqual(sizes, [1024, 1024]);
  assert.equal(r.registry.states.get('puppet')!.counters.limitHits.bufferedBody, 2);
});

test('a function sets properties and clears the route of the stream that calls, where there is one', async () => {
  const seen: unknown[] = [];
  const acts: ForeignFunction = (_args, caller: ForeignCaller) => {
    seen.push([caller.clearRouteCache(), caller.setProperty('mine', Buffer.from('set'))]);
    return Buffer.alloc(0);
  };
  const s = services({ acts });
  const r = await rig(
    {
      proxy_on_configure: p => void call(p, 'acts'),
      proxy_on_request_headers: p => {
        call(p, 'acts');
        assert.equal(p.property('mine').toString(), 'set');
      },
    },
    {},
    undefined,
    s,
  );
  const drive = new Drive(r.chain()).headers(true);
  r.check();
  assert.deepEqual(seen, [
    [false, NOT_FOUND],
    [true, OK],
  ]);
  assert.deepEqual(drive.take(), ['clear route cache', '> headers end']);
});

test('memory is checked before the function runs, and the allocator is not trusted', async () => {
  let calls = 0;
  const counts: ForeignFunction = () => {
    calls++;
    return Buffer.from('result');
  };
  await during(
    'proxy_on_request_headers',
    p => {
      const args = [...p.put('counts'), ...p.put('args'), 16, 20];
      assertPointersChecked(p, 'proxy_call_foreign_function', args, { out: [4, 5], data: [0, 2] });
      assert.equal(calls, 0);
      assertAllocatorChecked(p, 'proxy_call_foreign_function', args, Buffer.from('result'));
    },
    { services: services({ counts }) },
  );
});
