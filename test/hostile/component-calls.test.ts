import { describe } from 'node:test';
import { attackAll, type Case, ROADS } from './component-harness.ts';
import {
  BAD_ARGUMENT,
  NAME,
  NAME_SIZE,
  REQUEST,
  RESULT,
  SIZE,
  type Step,
  script,
  VALUE,
  VALUE_SIZE,
} from './component-script.ts';

const HUGE = 2 ** 31;
const ALL = 2 ** 32 - 1;
const name = [NAME, NAME_SIZE] as const;
const value = [VALUE, VALUE_SIZE] as const;
const body = { method: 'POST', body: 'some body' };

/** In request headers; it dies of what the message says. `Lifted`: of what the glue says, else of the same. */
function dies(title: string, steps: readonly Step[], message: RegExp, lifted?: RegExp): Case {
  const how = (text: RegExp) => ({ dies: { kind: 'trap', message: text } }) as const;
  return {
    title,
    filter: { config: script('requestHeaders', ...steps) },
    ...how(message),
    ...(lifted === undefined ? {} : { lifted: how(lifted) }),
  };
}

const lives = (title: string, steps: readonly Step[], status = 200): Case => ({
  title,
  filter: { config: script('requestHeaders', ...steps) },
  status,
});

const NO_CASE = /canonical ABI: -?\d+ is no (map-type|body-type|stream-type|log-level|action)$/;
const NO_CASE_GLUE =
  /canonical ABI: invalid discriminant specified for (MapType|BodyType|StreamType|LogLevel|Action)$/;
const wrong = (title: string, ...steps: Step[]) => dies(title, steps, NO_CASE, NO_CASE_GLUE);

const OUTSIDE = /canonical ABI: \d+ bytes at \d+ are outside of the memory$/;
const OUTSIDE_GLUE = /canonical ABI: .*(typed array length|outside the bounds)/;
const outside = (title: string, ...steps: Step[]) => dies(title, steps, OUTSIDE, OUTSIDE_GLUE);

/** jco's glue cuts lists of bytes at the memory's end. */
const cut = (title: string, ...steps: Step[]): Case => ({
  ...dies(title, steps, OUTSIDE),
  lifted: { status: 200, dies: undefined } as unknown as NonNullable<Case['lifted']>,
});

const HANDLE = /unknown handle (index )?-?\d+( of a local response)?$|unknown handle of a local response$/;
const forged = (title: string, ...steps: Step[]) => dies(title, steps, HANDLE);

const CASES: readonly Case[] = [
  wrong('an action that is none', ['action', 7]),
  wrong('a negative action', ['action', -1]),
  wrong('an action of which the low byte is one', ['action', 256]),
  wrong('map-type 99', ['size', 99, RESULT]),
  wrong('map-type 4', ['set', 4, ...name, ...value, RESULT]),
  wrong('map-type -1', ['entries', -1, RESULT]),
  wrong('a map-type of which the low byte is one', ['get', 0x100, ...name, RESULT]),
  wrong('body-type 2', ['read', 2, 0, 10, RESULT]),
  wrong('body-type 2^31', ['write', HUGE, 0, 0, ...value, RESULT]),
  wrong('stream-type 2', ['resume', 2, RESULT]),
  wrong('stream-type -1', ['close', -1, RESULT]),
  wrong('log-level 6', ['log', 6, ...name]),
  wrong('log-level 2^31', ['log', HUGE, ...name]),

  outside('a name behind the end', ['set', REQUEST, SIZE, 1, ...value, RESULT]),
  outside('a name over the end', ['set', REQUEST, SIZE - 3, NAME_SIZE, ...value, RESULT]),
  outside('a name of 2^32 - 1 bytes', ['set', REQUEST, NAME, ALL, ...value, RESULT]),
  outside('a name of 2^31 bytes', ['append', REQUEST, NAME, HUGE, ...value, RESULT]),
  outside('a name to be looked up that is no memory', ['get', REQUEST, NAME, ALL, RESULT]),
  outside('a name to be removed that is no memory', ['remove', REQUEST, ALL, 2, RESULT]),
  outside('a message that wraps around', ['log', 4, ALL, 2]),
  outside('a message of 2^31 bytes', ['log', 4, 0, HUGE]),
  outside('a path that is no memory', ['property', NAME, ALL - 7, RESULT]),
  outside('details that are no memory', ['new', 200], ['setDetails', '$', NAME, ALL]),
  cut('a value of 2^31 bytes', ['set', REQUEST, ...name, VALUE, HUGE, RESULT]),
  cut('a value over the end', ['set', REQUEST, ...name, SIZE - 3, 6, RESULT]),
  cut('a property of 2^32 - 8 bytes', ['setProperty', ...name, VALUE, ALL - 7, RESULT]),
  cut('a body of a local response that is no memory', ['new', 200], ['setBody', '$', VALUE, ALL, RESULT]),
  outside('a result over the end', ['size', REQUEST, SIZE - 4]),
  outside('a result behind the end', ['set', REQUEST, ...name, ...value, SIZE]),
  outside('a result at the end of 32 bits', ['get', REQUEST, ...name, ALL]),
  outside('a result of the body behind the end', ['read', 0, 0, 0, SIZE]),
  {
    ...cut('a new body that is no memory', ['write', 0, 0, 0, 0, ALL, RESULT]),
    filter: { config: script('requestBody', ['write', 0, 0, 0, SIZE, 1, RESULT]) },
    request: body,
    dies: { kind: 'trap', callback: 'proxy_on_request_body', message: OUTSIDE },
  },
  {
    title: 'a part of the body that is not there',
    filter: { config: script('requestBody', ['read', 0, ALL, ALL, RESULT], ['expect', RESULT, 0]) },
    request: body,
  },
  {
    title: 'all of the body, from 2^31 bytes',
    filter: { config: script('requestBody', ['read', 0, 0, HUGE, RESULT], ['expect', RESULT + 8, 9]) },
    request: body,
  },
  lives('a result in an odd place', [['size', REQUEST, RESULT + 1]]),
  lives('names and values in the same bytes', [
    ['byte', NAME, 120],
    ['set', REQUEST, NAME, NAME_SIZE, NAME, NAME_SIZE, NAME],
    ['expect', NAME, 0],
  ]),
  lives('a name that is the result', [['get', REQUEST, RESULT, 4, RESULT]]),

  forged('a handle that was never given', ['setBody', 5, ...value, RESULT]),
  forged('handle 0', ['setBody', 0, ...value, RESULT]),
  forged('handle -1', ['setDetails', -1, ...value]),
  forged('handle 2^30', ['setGrpc', 2 ** 30, 1, RESULT]),
  forged('a header for nobody', ['addHeader', 5, ...name, ...value, RESULT]),
  forged('sending what is not there', ['send', 5, RESULT]),
  forged('sending handle -1', ['send', -1, RESULT]),
  forged('sending handle 2^30', ['send', 2 ** 30, RESULT]),
  forged('dropping what is not there', ['drop', 5]),
  forged('dropping handle 0', ['drop', 0]),
  forged('dropping handle -1', ['drop', -1]),
  forged('dropping handle 2^30', ['drop', 2 ** 30]),
  forged('sent twice', ['new', 418], ['send', '$', RESULT], ['send', '$', RESULT]),
  forged('dropped twice', ['new', 418], ['drop', '$'], ['drop', '$']),
  forged('dropped after it was sent', ['new', 418], ['send', '$', RESULT], ['drop', '$']),
  forged('sent after it was dropped', ['new', 418], ['drop', '$'], ['send', '$', RESULT]),
  forged('used after it was sent', ['new', 418], ['send', '$', RESULT], ['setBody', '$', ...value, RESULT]),
  forged('used after it was dropped', ['new', 418], ['drop', '$'], ['setDetails', '$', ...value]),
  lives(
    'sent',
    [
      ['new', 418],
      ['setBody', '$', ...value, RESULT],
      ['send', '$', RESULT],
    ],
    418,
  ),
  lives(
    'two of them, one after the other',
    [
      ['new', 418],
      ['send', '$', RESULT],
      ['new', 418],
      ['send', '$', RESULT],
    ],
    418,
  ),
  lives('one left in every request', [['new', 418]]),
  dies(
    'a million of them',
    [
      ['new', 200],
      ['repeat', 1_000_000, 1],
    ],
    /canonical ABI: more than 64 local responses that were neither sent nor dropped$/,
  ),
  lives('a status that is none', [
    ['new', 99],
    ['send', '$', RESULT],
    ['expect', RESULT, 1],
    ['expect', RESULT + 1, BAD_ARGUMENT],
  ]),
  lives('a gRPC status that is none', [
    ['new', 200],
    ['setGrpc', '$', ALL, RESULT],
    ['expect', RESULT + 1, BAD_ARGUMENT],
  ]),

  lives('a name that is no UTF-8', [
    ['byte', NAME, 0xff],
    ['set', REQUEST, ...name, ...value, RESULT],
    ['expect', RESULT + 1, BAD_ARGUMENT],
  ]),
  lives('a name that is no token', [
    ['byte', NAME + 2, 10],
    ['append', REQUEST, ...name, ...value, RESULT],
    ['expect', RESULT + 1, BAD_ARGUMENT],
  ]),
  lives('a value with a line break', [
    ['byte', VALUE + 2, 10],
    ['set', REQUEST, ...name, ...value, RESULT],
    ['expect', RESULT + 1, BAD_ARGUMENT],
  ]),
  lives('a message that is no UTF-8', [
    ['byte', NAME, 0xff],
    ['byte', NAME + 1, 0xc0],
    ['log', 3, ...name],
  ]),
  lives('a path that is no UTF-8', [
    ['byte', NAME, 0xff],
    ['property', ...name, RESULT],
    ['setProperty', ...name, ...value, RESULT],
  ]),
  lives('a context that is none', [
    ['effective', ALL, RESULT],
    ['expect', RESULT, 1],
    ['effective', 0, RESULT],
  ]),
  lives('done, before it was asked', [['isDone', RESULT]]),
];

for (const { road, suffix } of ROADS)
  describe(`hostcalls of a hostile component, ${road}`, () => attackAll(suffix, CASES));
