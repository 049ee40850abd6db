import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rig, settle, VERSIONS } from '../support/guest.ts';
import { during } from '../support/guest-during.ts';
import { Drive, FakeExchange } from '../support/guest-exchange.ts';

const effective = 'proxy_set_effective_context';

for (const abi of VERSIONS) {
  test(`an unknown context is BAD_ARGUMENT and the current one stays (${abi})`, async () => {
    await during(
      'proxy_on_request_headers',
      p => {
        for (const id of [0, 3, 4, 1000, -1, 0x7fffffff, -0x80000000]) {
          assert.equal(p.call(effective, id), 2, String(id));
          assert.equal(p.header(0, ':path'), '/');
        }
      },
      { abi },
    );
  });
}

test('hostcalls act on the effective context until the callback returns', async () => {
  const seen: unknown[] = [];
  const r = await rig({ proxy_on_request_headers: () => 1 });
  const plugin = r.start();
  const chain = r.chain(plugin);
  const a = new Drive(chain, new FakeExchange([], 'GET', '/a')).headers();
  r.script.proxy_on_request_headers = (p, id) => {
    assert.equal(id, 3);
    seen.push(p.header(0, ':path'));
    assert.equal(p.call(effective, 2), 0);
    seen.push(p.header(0, ':path'), p.setHeader(0, 'x', 'from b'));
    assert.equal(p.call(effective, 1), 0, 'the root context');
    seen.push(p.header(0, ':path'));
    assert.equal(p.call(effective, 3), 0, 'back to its own');
    seen.push(p.header(0, ':path'));
    p.call(effective, 2);
  };
  r.script.proxy_on_request_body = p => {
    seen.push(p.body(0));
  };
  const b = new Drive(chain, new FakeExchange([], 'GET', '/b')).headers().data('body of b', true);
  r.check();
  assert.deepEqual(seen, ['/b', '/a', 0, 2, '/b', 'body of b']);
  assert.deepEqual(a.exchange.requestHeaders.raw, ['x', 'from b']);
  assert.deepEqual(b.exchange.requestHeaders.raw, []);
});

test('the context that was current before is current again, also after a trap', async () => {
  const r = await rig();
  const chain = r.chain();
  new Drive(chain).headers();
  r.script.proxy_on_request_headers = p => {
    p.call(effective, 1);
    p.call('trap');
  };
  new Drive(chain).headers();
  const guest = r.puppet.guest as unknown as { host: { id: number } };
  assert.equal(guest.host.id, 0);
});

test('a context is unknown once it was deleted, and known while it waits', async () => {
  const answers: number[] = [];
  const r = await rig({ proxy_on_done: (_p, id) => (id === 2 ? 0 : 1) });
  const plugin = r.start();
  const chain = r.chain(plugin);
  new Drive(chain).headers().finish();
  new Drive(chain).headers().finish();
  r.script.proxy_on_request_headers = p => {
    answers.push(p.call(effective, 3), p.call(effective, 2), p.call('proxy_done'));
  };
  new Drive(chain).headers(true);
  await settle();
  r.script.proxy_on_request_headers = p => {
    answers.push(p.call(effective, 2), p.call('proxy_done'));
  };
  new Drive(chain).headers(true);
  assert.deepEqual(answers, [2, 0, 0, 2, 1]);
});

test('a log line is under the name of the filter whose context is effective', async () => {
  const r = await rig({ proxy_on_request_headers: () => 1 });
  const first = r.start({ name: 'first', vmId: 'shared' });
  const second = r.start({ name: 'second', vmId: 'shared' });
  assert.equal(r.puppets.length, 1);
  new Drive(r.chain(first)).headers();
  r.script.proxy_on_request_headers = p => {
    p.log(2, 'own');
    p.call(effective, 3);
    p.log(2, 'other');
  };
  new Drive(r.chain(second)).headers();
  assert.deepEqual(
    r.log.lines.map(l => [l.filter, l.message]),
    [
      ['second', 'own'],
      ['first', 'other'],
    ],
  );
});

for (const abi of VERSIONS) {
  test(`proxy_done is NOT_FOUND when nothing waits for it (${abi})`, async () => {
    const seen: unknown[] = [];
    const r = await rig({}, { abi });
    for (const name of [
      'proxy_on_context_create',
      'proxy_on_vm_start',
      'proxy_on_configure',
      'proxy_on_request_headers',
      'proxy_on_done',
      'proxy_on_log',
      'proxy_on_delete',
    ] as const) {
      r.script[name] = p => {
        seen.push(p.call('proxy_done'));
      };
    }
    const plugin = r.start();
    new Drive(r.chain(plugin)).headers(true).finish();
    plugin.close();
    assert.deepEqual([...new Set(seen)], [1]);
    assert.equal(seen.length, 3 + 2 + 3 + 3);
  });
}
