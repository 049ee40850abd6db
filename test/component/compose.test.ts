import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { collectGarbage } from '../support/garbage.ts';
import { get, header, type RawResponse } from '../support/raw-client.ts';
import { type FilterInput, startTestWeir } from '../support/weir.ts';

const VERIFY = 'filters/rust/verify-token/verify-token.wasm';
const VERIFIER = 'filters/rust/static-verifier/static-verifier.wasm';
const ADD_HEADER = 'filters/rust/add-header/add-header.wasm';

/** One filter that imports a verifier, and how it gets one. */
const FORMS: Readonly<Record<string, FilterInput>> = {
  'plugged in by Weir': { module: VERIFY, plugs: [VERIFIER] },
  'composed beforehand': { module: 'test/component/fixtures/composed/composed.wasm' },
};

async function verifying(
  t: TestContext,
  verify: FilterInput,
): Promise<(token: string) => Promise<RawResponse>> {
  const { port } = await startTestWeir(t, {
    filters: {
      before: { module: ADD_HEADER, config: { response: { set: { 'x-before': 'seen' } } } },
      // The first calls compile jco's glue: on a busy machine that takes a while.
      verify: { ...verify, config: 'write', limits: { callTime: '5s' } },
    },
  });
  return token => get(port, '/', ...(token === '' ? [] : [`authorization: Bearer ${token}`]));
}

for (const [form, verify] of Object.entries(FORMS)) {
  test(`a filter and its verifier, ${form}`, async t => {
    const ask = await verifying(t, verify);
    const good = await ask('anna-token');
    assert.equal(good.status, 200);
    assert.match(good.body.toString(), /"x-subject",\s*"anna"/);
    // It has no scope `write`.
    for (const token of ['', 'bert-token', 'nobody']) {
      const refused = await ask(token);
      assert.equal(refused.status, 401, token);
      assert.equal(header(refused, 'x-before'), 'seen');
    }
    for (let i = 0; i < 200; i++) assert.equal((await ask('anna-token')).status, 200);
  });
}

test('the composed one is what its parts are', async () => {
  const composed = await readFile(new URL('fixtures/composed/composed.wasm', import.meta.url));
  for (const name of ['verify_token', 'static_verifier']) assert.ok(composed.includes(name), name);
});

test('calls of a plug leave nothing behind', async t => {
  const ask = await verifying(t, FORMS['plugged in by Weir']!);
  const many = async (): Promise<number> => {
    for (let i = 0; i < 600; i++) assert.equal((await ask('anna-token')).status, 200);
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  await many();
  const before = await many();
  const grown = (await many()) - before;
  // jco's glue kept 4.6 KB of each request.
  assert.ok(grown < 1_500_000, `${grown} bytes more than before`);
});
