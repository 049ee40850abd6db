import { describe } from 'node:test';
import { attackAll, type Case, ROADS } from './component-harness.ts';
import {
  NAME,
  NAME_SIZE,
  type Place,
  REQUEST,
  RESULT,
  type Step,
  script,
  VALUE,
  VALUE_SIZE,
} from './component-script.ts';
import type { RequestShape } from './load.ts';

/** A request that gets to every callback. */
const WHOLE: RequestShape = {
  method: 'POST',
  body: 'some body',
  trailers: { 'x-trailer': 'last' },
  path: '?trailer=x-a:b',
};

/** Where, in which callback, and what the client gets when it dies there. */
const PLACES: readonly (readonly [Place, string, number | 'reset'])[] = [
  ['create', 'proxy_on_context_create', 503],
  ['requestHeaders', 'proxy_on_request_headers', 503],
  ['realloc', 'proxy_on_request_headers', 503],
  ['requestBody', 'proxy_on_request_body', 503],
  ['requestTrailers', 'proxy_on_request_trailers', 503],
  ['responseHeaders', 'proxy_on_response_headers', 503],
  // The head is gone by then.
  ['responseBody', 'proxy_on_response_body', 'reset'],
  ['responseTrailers', 'proxy_on_response_trailers', 'reset'],
  // The client has its answer by then.
  ['done', 'proxy_on_done', 200],
  ['log', 'proxy_on_log', 200],
  ['dtor', 'proxy_on_delete', 200],
];

const name = [NAME, NAME_SIZE] as const;
const value = [VALUE, VALUE_SIZE] as const;

/** Hostcalls of every kind that end no stream. */
const CALLS: readonly Step[] = [
  ['log', 2, ...name],
  ['level'],
  ['size', REQUEST, RESULT],
  ['get', REQUEST, ...name, RESULT],
  ['set', REQUEST, ...name, ...value, RESULT],
  ['append', 2, ...name, ...value, RESULT],
  ['remove', 2, ...name, RESULT],
  ['entries', REQUEST, RESULT],
  ['entries', 2, RESULT],
  ['read', 0, 0, 100, RESULT],
  ['write', 1, 0, 0, ...value, RESULT],
  ['property', ...name, RESULT],
  ['setProperty', ...name, ...value, RESULT],
  ['new', 418],
  ['addHeader', '$', ...name, ...value, RESULT],
  ['drop', '$'],
  ['isDone', RESULT],
  ['effective', 0, RESULT],
  ['effective', 1, RESULT],
];

const inEach = (
  what: string,
  steps: readonly Step[],
  dies?: Omit<Case['dies'] & object, 'callback'>,
): Case[] =>
  PLACES.map(([place, callback, status]) => ({
    title: `${what} in ${place}`,
    // What is allowed must not be slow: the machine may be.
    filter: { config: script(place, ...steps), limits: { callTime: dies === undefined ? '2s' : '10ms' } },
    request: WHOLE,
    ...(dies === undefined ? {} : { status, dies: { ...dies, callback } }),
  }));

const CASES: readonly Case[] = [
  ...inEach('a trap', [['trap']], { kind: 'trap', message: /: trap: .*unreachable/ }),
  ...inEach('an endless loop', [['loop']], {
    kind: 'interruption',
    message: /: ran longer than limits\.callTime \(10 ms\)$/,
  }),
  ...inEach('endless recursion', [['recurse']], {
    kind: 'trap',
    message: /: trap: Maximum call stack size exceeded$/,
  }),
  ...inEach('all the memory there is', [['grow', 1]]),
  ...inEach('hostcalls', CALLS),
];

for (const { road, suffix } of ROADS)
  describe(`a hostile component, ${road}`, () => attackAll(suffix, CASES));

const END: readonly Step[] = [
  ['new', 418],
  ['setBody', '$', ...value, RESULT],
  ['send', '$', RESULT],
  ['resume', 0, RESULT],
  ['resume', 1, RESULT],
];

/** What ends a stream, and lets it go on, where it can and where it can't: what the client gets. */
const ANSWERED: Partial<Record<Place, number | 'reset'>> = {
  // The head is gone by then.
  responseBody: 'reset',
  responseTrailers: 'reset',
  done: 200,
  log: 200,
  dtor: 200,
};
const ENDINGS: readonly Case[] = PLACES.map(([place]) => ({
  title: `an answer of its own in ${place}`,
  // What is compiled at a first call may take a while on a busy machine.
  filter: { config: script(place, ...END), limits: { callTime: '2s' } },
  request: WHOLE,
  status: ANSWERED[place] ?? 418,
}));

for (const { road, suffix } of ROADS)
  describe(`a component that answers, ${road}`, () => attackAll(suffix, ENDINGS));
