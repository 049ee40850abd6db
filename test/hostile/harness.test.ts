import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertReported, assertSurvived, attack, deaths, ofEvil } from './harness.ts';

describe('the harness', () => {
  it('sees a guest that traps', async t => {
    const outcome = await attack(t, { guest: 'trap', requests: 5 });
    assertSurvived(outcome);
    assert.deepEqual(outcome.statuses, [503, 503, 503, 503, 503]);
    assert.deepEqual(deaths(outcome), { trap: 5 });
    const line = assertReported(outcome, {
      code: 'GUEST_TRAP',
      callback: 'proxy_on_request_headers',
      frame: 'fall',
    });
    assert.match(line.message, /trap: unreachable/);
  });

  it('applies the policies: open goes past the filter, closed stays down, reload waits', async t => {
    const open = await attack(t, { guest: 'trap', requests: 3, filter: { onFailure: 'open' } });
    assertSurvived(open);
    assert.deepEqual(open.statuses, [200, 200, 200]);
    assert.deepEqual(deaths(open), { trap: 3 });
    assert.equal(ofEvil(open, 'skipped_total'), 3);

    const closed = await attack(t, { guest: 'trap', requests: 3, filter: { onFailure: 'closed' } });
    assertSurvived(closed);
    assert.deepEqual(closed.statuses, [503, 503, 503]);
    assert.deepEqual(deaths(closed), { trap: 1 });
    assert.equal(ofEvil(closed, 'refused_total'), 2);

    const slow = await attack(t, { guest: 'trap', requests: 4, filter: { restart: { firstDelay: '1m' } } });
    assertSurvived(slow);
    assert.deepEqual(slow.statuses, [503, 503, 503, 503]);
    // The first new VM comes at once, the second has to wait.
    assert.deepEqual(deaths(slow), { trap: 2 });
  });
});
