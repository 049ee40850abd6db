import { describe } from 'node:test';
import { ROADS } from './component-harness.ts';
import { NAME, NAME_SIZE, type Place, RESULT, type Step, script } from './component-script.ts';
import { hostile } from './expect.ts';
import type { Attack } from './harness.ts';

const MIB = 1024 * 1024;

const POST = { method: 'POST', body: 'some body' };

/** Components in use for long, and others beside them: what they take from those, and what is left of them. */
for (const { road, suffix } of ROADS) {
  const guest = (name: string) => `components/${name}${suffix}`;
  const told = (place: Place, ...steps: Step[]): Pick<Attack, 'guest' | 'filter'> => ({
    guest: guest('script'),
    filter: { config: script(place, ...steps) },
  });
  const timeout = (callback: string) =>
    ({ kind: 'interruption', report: { code: 'GUEST_TIMEOUT', callback, frame: 'loop' } }) as const;
  const trap = (callback: string, message: RegExp) =>
    ({ kind: 'trap', report: { code: 'GUEST_TRAP', callback, message } }) as const;
  // A hostcall with all of 16 MiB takes as long as it takes.
  const slow = { deadline: 250 };

  describe(`a component and others beside it, ${road}`, () => {
    hostile('it loops', told('requestHeaders', ['loop']), {
      status: 503,
      ...timeout('proxy_on_request_headers'),
    });
    hostile('it loops in its destructor', told('dtor', ['loop']), {
      status: 200,
      ...timeout('proxy_on_delete'),
    });
    hostile('it loops in the allocator that a hostcall calls', told('realloc', ['loop']), {
      status: 503,
      ...timeout('proxy_on_request_headers'),
    });
    hostile(
      'it loops around hostcalls',
      told('requestHeaders', ['get', 0, NAME, NAME_SIZE, RESULT], ['repeat', 2 ** 32 - 1, 1]),
      {
        status: 503,
        kind: 'interruption',
        report: { code: 'GUEST_TIMEOUT', callback: 'proxy_on_request_headers' },
      },
    );
    hostile(
      'it traps, and requests go past it',
      {
        ...told('requestBody', ['trap']),
        filter: { config: script('requestBody', ['trap']), onFailure: 'open' },
        request: POST,
      },
      { status: 200, ...trap('proxy_on_request_body', /unreachable/) },
    );
    hostile(
      'it breaks the canonical ABI, and requests go past it',
      {
        ...told('requestHeaders', ['size', 99, RESULT]),
        filter: { config: script('requestHeaders', ['size', 99, RESULT]), onFailure: 'open' },
      },
      { status: 200, ...trap('proxy_on_request_headers', /canonical ABI/) },
    );
    hostile(
      'it traps, with an instance for each request',
      {
        guest: guest('script'),
        filter: { config: script('responseHeaders', ['trap']), isolation: 'request' },
      },
      { status: 503, ...trap('proxy_on_response_headers', /unreachable/) },
    );
    hostile(
      'all its memory, as strings',
      { guest: guest('huge'), filter: { limits: { logLines: 10 } } },
      {
        status: 503,
        kind: 'interruption',
        report: { code: 'GUEST_TIMEOUT', callback: 'proxy_on_request_headers' },
        // Strings of 16 MiB: garbage, but large.
        slack: 192 * MIB,
        ...slow,
      },
    );
    hostile(
      'local responses that never were, dropped',
      { guest: guest('leak'), filter: { limits: { callTime: '2s' } }, requests: 40 },
      { status: 503, ...trap('proxy_on_request_headers', /unknown handle/) },
    );
    hostile(
      'sixty large local responses, kept',
      { guest: guest('drafts'), filter: { limits: { callTime: '2s' } }, requests: 40 },
      // It may keep 64 of a MiB each.
      { status: 200, slack: 128 * MIB },
    );
  });
}
