import assert from 'node:assert/strict';
import { it } from 'node:test';
import { StartError } from '../../src/runtime/start-error.ts';
import {
  type Attack,
  assertReported,
  assertSurvived,
  attack,
  type DeathKind,
  deaths,
  type Outcome,
  type Report,
  startAttacked,
} from './harness.ts';

export interface Expected {
  /** What each request gets; several: one of these. */
  readonly status: number | readonly (number | 'reset')[];
  /** How the VM dies of each request; undefined: it lives. */
  readonly kind?: DeathKind;
  readonly report?: Report;
  /** Of the callbacks, in ms, when it isn't the default: good routes may wait for as long. */
  readonly deadline?: number;
  /** Bytes that it may keep the host from giving back at once, when they are more than usual. */
  readonly slack?: number;
  /** What else has to hold. */
  readonly also?: (outcome: Outcome) => void;
}

/** Requests of one attack, where nothing else is said. */
const REQUESTS = 5;

/** A test: the guest does its evil, and nobody else sees more of it than what is expected. */
export function hostile(title: string, what: Attack, expected: Expected): void {
  it(title, async t => {
    const requests = what.requests ?? REQUESTS;
    const outcome = await attack(t, { ...what, requests });
    const { status, kind, report, deadline, slack, also } = expected;
    const allowed: readonly (number | 'reset')[] = typeof status === 'number' ? [status] : status;
    for (const got of outcome.statuses)
      assert.ok(allowed.includes(got), `${got} is not ${allowed.join(' or ')}`);
    assert.equal(outcome.statuses.length, requests);
    assert.deepEqual(deaths(outcome), kind === undefined ? {} : { [kind]: requests });
    if (report !== undefined) assertReported(outcome, report);
    else if (kind === undefined) assert.deepEqual(outcome.log.at('error'), []);
    assertSurvived(outcome, {
      ...(deadline !== undefined && { deadline }),
      ...(slack !== undefined && { slack }),
    });
    also?.(outcome);
  });
}

/** A callback that never ends and is interrupted, on every request. */
export function interrupted(title: string, what: Attack, more: Partial<Report> = {}): void {
  const report = {
    code: 'GUEST_TIMEOUT',
    callback: 'proxy_on_request_headers',
    message: /ran longer than limits\.callTime \(10 ms\)/,
    frame: 'evil',
    ...more,
  } as const;
  hostile(title, what, { status: 503, kind: 'interruption', report });
}

/** A test: Weir does not start with that filter, and says in one line which and why. */
export function refused(title: string, what: Pick<Attack, 'guest' | 'filter'>, message: RegExp): void {
  it(title, async t => {
    const start = performance.now();
    await assert.rejects(startAttacked(t, what), (error: unknown) => {
      assert.ok(error instanceof StartError, String(error));
      assert.equal(error.errors.length, 1);
      assert.match(error.errors[0]!.message, /^\S+weir-test\.yaml:\d+:\d+: filters\.evil-filter: [^\n]+$/);
      assert.match(error.errors[0]!.message, message);
      return true;
    });
    assert.ok(performance.now() - start < 5000);
  });
}
