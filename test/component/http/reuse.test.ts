import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpGuest } from '../../../src/component/http/guest.ts';
import { get, request } from '../../support/raw-client.ts';
import { until } from '../../support/wait.ts';
import { rig } from './support.ts';

const POOL = 3;

describe('instances of handlers', () => {
  it('isolation: shared uses one again when its handler has returned', async t => {
    const { port, state, plugin } = await rig(
      t,
      { endpoints: ['echo'] },
      { isolation: 'shared', pool: POOL },
    );
    for (const path of ['/text/x', '/ignore', '/drip/2', '/forward', '/status/404', '/fields'])
      for (let i = 0; i < 10; i++) assert.ok((await get(port, path)).status < 500, path);
    await until(() => state.counters.contexts === 0 && plugin.vms().length === POOL);
    assert.equal(state.counters.vmsStarted, POOL);
  });

  it('isolation: request never does', async t => {
    const { port, state, plugin } = await rig(
      t,
      { endpoints: ['echo'] },
      { isolation: 'request', pool: POOL },
    );
    for (let i = 0; i < 20; i++) assert.equal((await get(port, '/text/x')).status, 200);
    await until(() => state.counters.contexts === 0 && plugin.vms().length === POOL);
    assert.equal(state.counters.vmsStarted, 20 + POOL);
  });

  it('one that handles a request is nobody else’s; more are made, and let go', async t => {
    const { port, state, plugin } = await rig(
      t,
      { endpoints: ['echo'] },
      { isolation: 'shared', pool: POOL },
    );
    const answers = await Promise.all(Array.from({ length: 12 }, () => get(port, '/drip/5')));
    const [first] = answers;
    for (const { status, body } of answers) {
      assert.equal(status, 200);
      assert.deepEqual(body, first!.body);
    }
    await until(() => state.counters.contexts === 0 && plugin.vms().length === POOL);
    assert.ok(state.counters.vmsStarted >= 12);
  });

  for (const isolation of ['shared', 'request'] as const) {
    it(`one that dies takes only its request with it, isolation: ${isolation}`, async t => {
      const { port, state } = await rig(
        t,
        { endpoints: ['echo'] },
        { isolation, pool: POOL, onFailure: 'reload' },
      );
      for (let i = 0; i < 40; i++) {
        assert.equal((await get(port, '/trap')).status, 503);
        assert.equal((await get(port, '/text/x')).status, 200);
      }
      assert.equal(state.counters.traps, 40);
      assert.equal(state.counters.refused, 0);
    });
  }

  it('with isolation: request not even onFailure: closed takes the others down', async t => {
    const { port, state } = await rig(
      t,
      { endpoints: ['echo'] },
      { isolation: 'request', onFailure: 'closed' },
    );
    assert.equal((await get(port, '/trap')).status, 503);
    assert.equal((await get(port, '/text/x')).status, 200);
    assert.equal(state.down, false);
  });

  it('one that keeps more and more resources is let go before it has as many as it may', async t => {
    const { port, state, plugin } = await rig(t, { endpoints: ['echo'] }, { isolation: 'shared', pool: 1 });
    await until(() => plugin.vms().length === 1);
    const [forgetful] = plugin.vms();
    for (let i = 0; i < 33; i++) forgetful!.instance.wasi.take();
    assert.equal((await get(port, '/text/x')).status, 200);
    await until(() => plugin.vms().length === 1 && plugin.vms()[0] !== forgetful);
    assert.equal(state.counters.vmsStarted, 2);
    assert.equal(forgetful!.instance.wasi.closed, true);
  });

  it('one whose time has ended handles no other request, even if it returned', async t => {
    const { handle } = HttpGuest.prototype;
    t.mock.method(HttpGuest.prototype, 'handle', async function (this: HttpGuest, ...args: never[]) {
      await Reflect.apply(handle, this, args);
      this.segments.death = 'exhausted';
    });
    const { port, state } = await rig(t, { endpoints: ['echo'] }, { isolation: 'shared', pool: 1 });
    for (let i = 0; i < 3; i++) assert.equal((await get(port, '/text/x')).status, 200);
    await until(() => state.counters.contexts === 0);
    assert.ok(state.counters.vmsStarted >= 3);
  });

  it('what one request left unread or unsent is not the next one’s', async t => {
    const { port, state, plugin } = await rig(t, { endpoints: ['echo'] }, { isolation: 'shared', pool: 1 });
    for (let i = 0; i < 20; i++) {
      const left = `left ${i} ${'x'.repeat(5000)}`;
      const message = `POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: ${left.length}\r\nConnection: close\r\n\r\n${left}`;
      assert.equal((await request(port, message)).body.toString(), 'unread\n');
      const own = `own ${i}`;
      const echoed = await request(
        port,
        `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${own.length}\r\nConnection: close\r\n\r\n${own}`,
      );
      assert.equal(echoed.body.toString(), own);
    }
    await until(() => state.counters.contexts === 0 && plugin.vms().length === 1);
    assert.equal(state.counters.vmsStarted, 1);
  });
});
