import { describe, it } from 'node:test';
import { attackAll, type Case, ROADS, refuseAll } from './component-harness.ts';
import { type Step, script } from './component-script.ts';

const UNREACHABLE = /: trap: .*unreachable/;
const LONG = /: ran longer than limits\.startTime \(100 ms\)$/;
const limits = { startTime: '100ms' };
const config = 'some configuration';

const at = (place: 'vmStart' | 'configure' | 'postReturn', ...steps: Step[]) => {
  const text = script(place, ...steps);
  return {
    guest: 'script',
    filter: { limits, ...(place === 'vmStart' ? { vmConfig: text } : { config: text }) },
  };
};

/** Guests that never start, and what Weir says of them. */
const REFUSED = [
  { guest: 'start-trap', message: /: instantiation: trap: unreachable$/ },
  { guest: 'start-loop', filter: { limits }, message: LONG },
  // The memory isn't known before it is there: on neither road.
  { guest: 'start-calls', message: /: instantiation: trap: / },
  { guest: 'initialize-trap', message: UNREACHABLE },
  { guest: 'initialize-loop', filter: { limits }, message: LONG },
  { guest: 'constructor-trap', message: /: proxy_on_context_create: trap: .*unreachable/ },
  { guest: 'constructor-loop', filter: { limits }, message: /: proxy_on_context_create: ran longer/ },
  { guest: 'realloc-trap', filter: { config }, message: UNREACHABLE },
  { guest: 'realloc-loop', filter: { config, limits }, message: LONG },
  {
    guest: 'realloc-outside',
    filter: { config },
    message: /: proxy_on_(vm_start|configure): trap: canonical ABI: /,
  },
  { guest: 'realloc-over-end', filter: { config }, message: /: proxy_on_configure: trap: canonical ABI: / },
  { guest: 'refuse-outside', message: /: trap: canonical ABI: / },
  {
    guest: 'refuse-tag',
    message: /: trap: canonical ABI: (9 is no case of a result|invalid variant discriminant)/,
  },
  { guest: 'refuse-utf8', message: /refuses its configuration \(bad \ufffd+ text/ },
  { guest: 'refuse-huge', message: /refuses its configuration \(all that there is[^\n]{0,1100}$/ },
  { guest: 'result-outside', message: /: trap: canonical ABI: / },
  {
    guest: 'too-much-memory',
    message: /starts with 65536000 bytes of memory, limits\.memory is 16777216/,
  },
  { guest: 'memories', message: /multiple memories/ },
  { ...at('vmStart', ['trap']), message: /: proxy_on_vm_start: trap: .*unreachable/ },
  { ...at('vmStart', ['loop']), message: /: proxy_on_vm_start: ran longer/ },
  { ...at('vmStart', ['recurse']), message: /: proxy_on_vm_start: trap: Maximum call stack size exceeded$/ },
  { ...at('configure', ['trap']), message: /: proxy_on_configure: trap: .*unreachable/ },
  { ...at('configure', ['loop']), message: /: proxy_on_configure: ran longer/ },
  { ...at('configure', ['recurse']), message: /: trap: Maximum call stack size exceeded$/ },
  { ...at('configure', ['refuse', 2 ** 32 - 4]), message: /: proxy_on_configure: trap: canonical ABI: / },
  { ...at('postReturn', ['trap']), message: /: proxy_on_configure: trap: .*unreachable/ },
  { ...at('postReturn', ['loop']), message: /: proxy_on_configure: ran longer/ },
  {
    ...at('postReturn', ['recurse']),
    message: /: proxy_on_configure: trap: Maximum call stack size exceeded$/,
  },
] as const;

for (const { road, suffix } of ROADS)
  it(`components that never start, ${road}: a line for each`, t => refuseAll(t, suffix, REFUSED));

const HANDLE = /unknown handle/;
const CONFUSED = { kind: 'trap', message: /: trap: canonical ABI: / } as const;

/** Guests that start, and are odd. */
const ODD: readonly Case[] = [
  { title: 'hostcalls in the constructor', guest: 'constructor-calls' },
  { title: 'resources made in the start function', guest: 'start-news' },
  { title: 'memory that grows in every phase', filter: { config: script('configure', ['grow', 1]) } },
  { title: 'memory that moves with every allocation', guest: 'realloc-grows' },
  { title: 'an allocator that gives the same place over and over', guest: 'realloc-same' },
  {
    title: 'an allocator that gives 0',
    guest: 'realloc-null',
    dies: { ...CONFUSED, message: /: trap: canonical ABI: cabi_realloc gave 0 for \d+ bytes$/ },
    lifted: { status: 200, dies: undefined } as unknown as NonNullable<Case['lifted']>,
  },
  {
    title: 'an allocator that gives odd addresses',
    guest: 'realloc-odd',
    dies: { ...CONFUSED, message: /: trap: canonical ABI: cabi_realloc gave 3075 for \d+ bytes$/ },
    lifted: { status: 200, dies: undefined } as unknown as NonNullable<Case['lifted']>,
  },
  { title: 'an allocator that changes the headers while they are listed', guest: 'realloc-changes' },
  {
    title: 'an allocator that sends the answer that is being made',
    guest: 'realloc-drops',
    dies: { ...CONFUSED, message: HANDLE },
  },
  {
    title: 'a destructor that drops another resource, without end',
    guest: 'dtor-recursion',
    status: 200,
    dies: { kind: 'trap', callback: 'proxy_on_delete', message: /: trap: Maximum call stack size exceeded$/ },
  },
  {
    title: 'its own contexts dropped under the feet of the host',
    guest: 'handles',
    // Straight, its numbers for its contexts are its own business.
    lifted: { status: 200, dies: { kind: 'trap', callback: 'proxy_on_delete', message: HANDLE } },
  },
  {
    title: 'booleans that are neither 0 nor 1',
    guest: 'callback-results',
    lifted: {
      status: 200,
      dies: { kind: 'trap', callback: 'proxy_on_done', message: /: trap: canonical ABI: .*bool$/ },
    },
  },
];

it('resources that were never made, through the glue: a line for each', t =>
  refuseAll(t, '.lifted', [
    {
      guest: 'no-handle',
      message: /: trap: canonical ABI: Resource error: Not a valid "PluginContext" resource\.$/,
    },
    { guest: 'start-drops', message: /: instantiation: trap: unknown handle index 5$/ },
  ]));

describe('resources that were never made, straight', () =>
  attackAll('', [
    { title: 'a plugin context', guest: 'no-handle' },
    { title: 'dropped in the start function', guest: 'start-drops' },
    { title: 'one for all streams', guest: 'shared-stream' },
  ]));

for (const { road, suffix } of ROADS) describe(`odd components, ${road}`, () => attackAll(suffix, ODD));
