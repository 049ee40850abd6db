import { createHash } from 'node:crypto';
import type { Load } from '../../src/bench/messages.ts';
import type { Target } from '../../src/bench/scenario.ts';
import type { WeirTarget } from '../../src/bench/weir-target.ts';

/** A filter as a configuration has it. */
export interface FilterInput {
  readonly module: string;
  readonly [key: string]: unknown;
}

const SCRIPT = new URL('../../src/bench/weir-target.ts', import.meta.url);
export const shipped = (path: string) => new URL(`../../filters/${path}.wasm`, import.meta.url).pathname;

/** Weir with a configuration. `UPSTREAM` in it is the upstream's URL. */
export function weirWith(name: string, configuration: object): Target {
  return { name, script: SCRIPT, input: { text: JSON.stringify(configuration) } satisfies WeirTarget };
}

/** Weir with one route, and these filters in its chain. */
export function weir(name: string, filters: readonly FilterInput[] = [], transport = 'undici'): Target {
  const names = filters.map((_, i) => `filter-${i}`);
  return weirWith(name, {
    workers: 1,
    listeners: [{ address: '127.0.0.1:0', routes: [{ upstream: 'app', filters: names }] }],
    upstreams: { app: { endpoints: ['UPSTREAM'], transport } },
    filters: Object.fromEntries(filters.map((filter, i) => [names[i]!, filter])),
  });
}

export const repeat = (filter: FilterInput, times: number) => Array.from({ length: times }, () => filter);

const bothWays = { request: { set: { 'x-request': '1' } }, response: { set: { 'x-response': '1' } } };
const salted = createHash('sha256').update('0123456789abcdefsecret').digest('hex');

/** One that looks at or changes headers, in each language; what is asked for so that it has something to do. */
export interface HeaderFilter {
  readonly name: string;
  readonly filter: FilterInput;
  readonly headers?: Load['headers'];
}

export const RUST: FilterInput = { module: shipped('rust/add-header/add-header'), config: bothWays };

export const MODULES: readonly HeaderFilter[] = [
  { name: 'Rust module (add-header)', filter: RUST },
  {
    name: 'Go module (cookie-to-header)',
    filter: { module: shipped('go/cookie-to-header/cookie-to-header'), config: { cookies: { ab: 'x-ab' } } },
  },
  { name: 'C module (security-headers)', filter: { module: shipped('c/security-headers/security-headers') } },
  {
    name: 'C++ module (basic-auth)',
    filter: {
      module: shipped('cpp/basic-auth/basic-auth'),
      config: { users: { anna: `sha256:0123456789abcdef:${salted}` } },
    },
  },
  {
    name: 'AssemblyScript module (ab-test)',
    filter: { module: shipped('assemblyscript/ab-test/ab-test'), config: { variants: { a: 1, b: 1 } } },
  },
];

const component = (language: string, folder: string): HeaderFilter => ({
  name: `${language} component (add-header)`,
  filter: { module: shipped(`${folder}/${folder.split('/')[1]}`), config: bothWays },
});

export const COMPONENTS: readonly HeaderFilter[] = [
  component('Rust', 'rust/add-header-component'),
  component('C', 'c/add-header-component'),
  component('AssemblyScript', 'assemblyscript/add-header-component'),
  component('Go', 'go/add-header-component'),
  {
    name: 'JavaScript component (add-header)',
    // A hundred times the work: where the machine stands still for a moment, 10 ms are over.
    filter: { ...component('', 'javascript/add-header').filter, limits: { callTime: '200ms' } },
  },
];

/** What every header filter has something to do with, and nothing to add. */
export const HEADERS = {
  cookie: 'session=c0ffee; ab=a',
  authorization: `Basic ${Buffer.from('anna:secret').toString('base64')}`,
  accept: 'text/html,application/json',
  'user-agent': 'weir-loadtest',
};

export const REWRITE = shipped('rust/body-rewrite/body-rewrite');
export const HANDLER = shipped('rust/http-greeter/http-greeter');
export const BASIC_AUTH = MODULES[3]!.filter;
export const SECURITY_HEADERS = MODULES[2]!.filter.module;
