/** Where guests/components/script.wat does what it is told, by its number. */
const PLACES = {
  vmStart: 0,
  configure: 1,
  postReturn: 2,
  create: 3,
  requestHeaders: 4,
  requestBody: 5,
  requestTrailers: 6,
  responseHeaders: 7,
  responseBody: 8,
  responseTrailers: 9,
  done: 10,
  log: 11,
  dtor: 12,
  pluginDone: 13,
  pluginLog: 14,
  pluginDtor: 15,
  realloc: 20,
} as const;
export type Place = keyof typeof PLACES;

/** In the order of its table: what it does itself, then hostcalls with their core arguments. */
const STEPS = [
  'trap',
  'loop',
  'recurse',
  'grow',
  'action',
  'refuse',
  'byte',
  'expect',
  'repeat',
  'word',
  'log',
  'level',
  'size',
  'entries',
  'get',
  'set',
  'append',
  'remove',
  'clear',
  'read',
  'write',
  'property',
  'setProperty',
  'new',
  'addHeader',
  'setBody',
  'setDetails',
  'setGrpc',
  'drop',
  'send',
  'resume',
  'close',
  'isDone',
  'effective',
  'dropPlugin',
  'dropHttp',
  'fill',
] as const;

/** `'$'`: what the last step that gives anything gave. */
export type Step = readonly [what: (typeof STEPS)[number], ...args: (number | '$')[]];

const ARGS = 6;

/** The configuration that makes script.wat do these steps there. Negative numbers are as u32. */
export function script(place: Place, ...steps: readonly Step[]): string {
  const words = steps.flatMap(([what, ...args]) => {
    const filled = Array.from({ length: ARGS }, (_, i) => args[i] ?? 0);
    return [STEPS.indexOf(what), ...filled.map(arg => (arg === '$' ? arg : arg >>> 0))];
  });
  return [PLACES[place], ...words].join(' ');
}

/** Addresses in its memory: a name of 6 bytes, a value of 12, where results go, and one page behind the end. */
export const NAME = 1024;
export const NAME_SIZE = 6;
export const VALUE = 1030;
export const VALUE_SIZE = 12;
export const RESULT = 3072;
export const SIZE = 131_072;
/** Map, body and stream types, and errors. */
export const REQUEST = 0;
export const NOT_FOUND = 0;
export const BAD_ARGUMENT = 1;
export const UNAVAILABLE = 2;
export const LIMIT_REACHED = 3;
export const PAUSE = 1;
