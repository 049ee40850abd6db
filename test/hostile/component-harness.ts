import assert from 'node:assert/strict';
import { after, before, it, type TestContext } from 'node:test';
import { StartError } from '../../src/runtime/start-error.ts';
import { shipped } from '../support/shipped.ts';
import { type FilterInput, startTestWeir, type TestWeir } from '../support/weir.ts';
import { type DeathKind, EAGER } from './harness.ts';
import { faultOf, type RequestShape, send } from './load.ts';
import { parseMetrics } from './resources.ts';

/** Straight to the core module, or through jco's glue: the same guest, whose allocator has its older name. */
export const ROADS = [
  { road: 'straight', suffix: '' },
  { road: 'through the glue', suffix: '.lifted' },
] as const;

type Status = number | 'reset';

/** A guest of guests/components, what is sent to it, and what has to come of it. */
export interface Case {
  readonly title: string;
  /** Default: `script`. Or the path of a file. */
  readonly guest?: string;
  readonly filter?: Omit<FilterInput, 'module'>;
  readonly request?: RequestShape;
  /** Default: 503 when it dies, else 200. */
  readonly status?: Status;
  /** Of each request; without, it lives. */
  readonly dies?: {
    readonly kind: DeathKind;
    /** Default: `proxy_on_request_headers`. */
    readonly callback?: string;
    readonly message: RegExp;
  };
  /** On one road something else holds. */
  readonly lifted?: Partial<Pick<Case, 'status' | 'dies'>>;
}

const REQUESTS = 2;
const CODES: Partial<Record<DeathKind, string>> = {
  trap: 'GUEST_TRAP',
  host_fault: 'GUEST_TRAP',
  interruption: 'GUEST_TIMEOUT',
};

const nameOf = (i: number) => `evil-${i}`;

/** A Weir with all of these filters, each on a route of its own: /evil-0/, /evil-1/ and so on. `cache`: a directory. */
export function startAll(
  t: Pick<TestContext, 'after'>,
  cases: readonly Pick<Case, 'guest' | 'filter'>[],
  suffix: string,
  cache: string | false = false,
): Promise<TestWeir> {
  const evil = cases.map(({ guest = 'script', filter }, i): [string, FilterInput] => {
    const module = guest.startsWith('/') ? guest : `test/hostile/guests/components/${guest}${suffix}.wasm`;
    // A VM of its own: they keep what they were told in it.
    return [nameOf(i), { restart: EAGER, vmId: nameOf(i), ...filter, module }];
  });
  return startTestWeir(t, {
    filters: {
      ...Object.fromEntries(evil),
      headers: shipped('security-headers'),
      served: shipped('add-header', { response: { set: { 'x-served-by': 'weir' } } }),
    },
    routes: [
      ...evil.map(([name]) => ({ match: { path: `/${name}/` }, upstream: 'app', filters: [name] })),
      { match: { path: '/good' }, upstream: 'app', filters: ['headers', 'served'] },
      { upstream: 'app' },
    ],
    modules: { cache: { directory: cache } },
  });
}

/** Tests: one Weir with all of these filters, and a well-behaved route that stays served whatever they do. */
export function attackAll(suffix: string, cases: readonly Case[]): void {
  const ends: (() => unknown)[] = [];
  let weir: TestWeir;
  before(async () => {
    weir = await startAll({ after: fn => void ends.push(fn as () => unknown) }, cases, suffix);
  });
  after(async () => {
    for (const end of ends) await end();
  });
  for (const [i, what] of cases.entries()) {
    it(what.title, () => strike(weir, nameOf(i), suffix === '' ? what : { ...what, ...what.lifted }));
  }
  it('nothing is broken behind them', async () => {
    assert.equal(faultOf('/good', await send(weir.port, { path: '/good' })), undefined);
    assert.deepEqual(weir.log.at('fatal'), []);
  });
}

async function strike(weir: TestWeir, name: string, { request = {}, status, dies }: Case): Promise<void> {
  const { path = '', ...rest } = request;
  for (let n = 0; n < REQUESTS; n++) {
    const answer = await send(weir.port, { ...rest, path: `/${name}/${path}` });
    assert.equal(answer.status, status ?? (dies === undefined ? 200 : 503));
    assert.equal(faultOf('/good', await send(weir.port, { path: '/good' })), undefined);
    // A new VM takes a millisecond to be allowed.
    await new Promise(done => setTimeout(done, 2));
  }
  const errors = weir.log.at('error').filter(line => line.fields['filter'] === name);
  const counted = new Map<string, number>();
  for (const [label, value] of parseMetrics(await weir.running.metrics())) {
    const kind = /^weir_filter_failures_total\{filter="([\w-]+)",kind="(\w+)"\}$/.exec(label);
    if (kind?.[1] === name && value > 0) counted.set(kind[2]!, value);
  }
  if (dies === undefined) {
    assert.deepEqual([...counted], [], String(errors[0]?.message));
    return;
  }
  const { kind, callback = 'proxy_on_request_headers', message } = dies;
  assert.deepEqual([...counted], [[kind, REQUESTS]], String(errors[0]?.message));
  const line = errors.find(e => e.fields['code'] === CODES[kind] && e.fields['callback'] === callback);
  assert.ok(line !== undefined, `no death in ${callback}: ${String(errors[0]?.message)}`);
  assert.match(line.message, message);
  assert.doesNotMatch(line.message, /\p{Cc}/u);
}

/** Longest a Weir may take to refuse that many filters, in ms: each has a second to start. */
const REFUSAL_MS = 30_000;

/** A test: a Weir with all of these filters doesn't start, and says in a line for each why. */
export async function refuseAll(
  t: TestContext,
  suffix: string,
  cases: readonly (Pick<Case, 'filter'> & { readonly guest: string; readonly message: RegExp })[],
): Promise<void> {
  const start = performance.now();
  await assert.rejects(startAll(t, cases, suffix), (error: unknown) => {
    assert.ok(error instanceof StartError, String(error));
    for (const [i, { guest, message }] of cases.entries()) {
      const lines: readonly Error[] = error.errors.filter(e => e.message.includes(` filters.${nameOf(i)}: `));
      assert.equal(lines.length, 1, `${guest} was not refused`);
      assert.doesNotMatch(lines[0]!.message, /\p{Cc}/u);
      assert.match(lines[0]!.message, message, guest);
    }
    assert.equal(error.errors.length, cases.length);
    return true;
  });
  assert.ok(performance.now() - start < REFUSAL_MS);
}
