import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { resolveOptions } from '../../src/adapter/options.ts';
import { configSchema } from '../../src/config/schema.ts';
import {
  ConfigError,
  createFilterChain,
  type FilterChainOptions,
  ModuleError,
  PluginError,
  StartError,
} from '../../src/index.ts';
import { MemoryLog } from '../support/log.ts';
import { get, header, request } from '../support/raw-client.ts';
import { closeServer, listen } from './serve.ts';

const filters = new URL('../../filters/', import.meta.url);
const addHeader = new URL('rust/add-header/add-header.wasm', filters);
const bodyRewrite = new URL('rust/body-rewrite/body-rewrite.wasm', filters);
const config = { request: { set: { 'x-a': '1' } }, response: { set: { 'x-b': '2' } } };

test('shipped filters change requests, responses and bodies', async t => {
  const chain = await createFilterChain({
    filters: [
      { module: addHeader, config },
      {
        module: bodyRewrite,
        name: 'rewrite',
        config: {
          request: [{ pattern: 'foo', replacement: 'barbar' }],
          response: [{ pattern: 'secret', replacement: '***' }],
        },
      },
    ],
  });
  assert.deepEqual(chain.filters, ['add-header', 'rewrite']);
  const server = createServer(
    chain.handler(async (req, res) => {
      let text = '';
      for await (const chunk of req) text += chunk;
      res.setHeader('content-type', 'text/plain');
      res.end(`secret ${text} ${req.headers['x-a']}`);
    }),
  );
  t.after(async () => {
    await closeServer(server);
    await chain.close();
  });
  const port = await listen(server);
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n';
  const response = await request(port, `${head}a foo`);
  assert.equal(response.body.toString(), '*** a barbar 1');
  assert.deepEqual([header(response, 'x-b'), header(response, 'content-length')], ['2', '14']);
});

test('a module as bytes or path, its hash, names, its own log', async t => {
  const bytes = readFileSync(addHeader);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const log = new MemoryLog();
  const module = addHeader.pathname;
  const chain = await createFilterChain({
    filters: [
      { module: bytes, sha256, config: JSON.stringify(config) },
      { module, sha256, config: { header: 'x-c' } },
      { module, config },
    ],
    modules: { cache: { maxModules: 1, maxBytes: '10MiB' } },
    log,
  });
  assert.deepEqual(chain.filters, ['filter', 'add-header', 'add-header-2']);
  const server = createServer(chain.handler((req, res) => res.end(req.headers['x-a'])));
  t.after(() => closeServer(server));
  assert.equal((await get(await listen(server), '/')).body.toString(), '1');
  await closeServer(server);
  await chain.close();
});

test('defaults are those of the configuration file', () => {
  const byFile = configSchema.shape.filters.parse({ f: { module: 'x' } })['f']!;
  const [byOptions] = resolveOptions({ filters: [{ module: 'x' }] }).filters;
  assert.deepEqual(Object.keys(byFile.limits), Object.keys(byOptions!.limits));
  assert.equal(byFile.limits.bufferedBody, '1MiB');
  assert.equal(byOptions!.limits.bufferedBody, 1024 * 1024);
  assert.deepEqual(
    [byOptions!.onFailure, byOptions!.isolation, byOptions!.pool],
    [byFile.onFailure, byFile.isolation, byFile.pool],
  );
  assert.equal(byOptions!.allowOnHeadersStopIteration, byFile.allowOnHeadersStopIteration);
  const given = resolveOptions({
    filters: [
      { module: 'x', limits: { bufferedBody: 5, pauseTime: 250, headerCount: 7 }, restart: { maxDelay: 99 } },
      { module: 'y', limits: { pauseTime: '2s' }, env: { A: 'b' }, vmId: 'v', rootId: 'r', vmConfig: [1] },
    ],
  }).filters;
  const defaults = byOptions!.limits;
  assert.deepEqual(given[0]!.limits, { ...defaults, bufferedBody: 5, pauseTime: 250, headerCount: 7 });
  assert.equal(given[0]!.restart.maxDelay, 99);
  assert.deepEqual(given[1]!.limits, { ...defaults, pauseTime: 2000 });
  assert.deepEqual([given[1]!.env, given[1]!.vmConfig.toString()], [{ A: 'b' }, '[1]']);
});

test('every limit may be a number: bytes, milliseconds or how many', () => {
  const defaults = resolveOptions({ filters: [{ module: 'x' }] }).filters[0]!.limits;
  const [same] = resolveOptions({ filters: [{ module: 'x', limits: defaults }] }).filters;
  assert.deepEqual(same!.limits, defaults);
});

test('components: capabilities, plugs by path or URL', async t => {
  const component = new URL('rust/verify-token/verify-token.wasm', filters);
  const plug = new URL('rust/static-verifier/static-verifier.wasm', filters);
  const capabilities = {
    directories: [{ host: 'data', guest: '/d' }],
    tcp: ['a:1'],
    clocks: ['wall'],
  } as const;
  const options = { module: component, plugs: [plug, 'x.wasm'], capabilities };
  const [filter] = resolveOptions({ filters: [options] }).filters;
  assert.deepEqual(
    filter!.plugs.map(({ module }) => module),
    [plug.pathname, `${process.cwd()}/x.wasm`],
  );
  assert.deepEqual(filter!.capabilities, {
    upstreams: [],
    env: [],
    directories: [{ host: `${process.cwd()}/data`, guest: '/d', access: 'read' }],
    tcp: [{ host: 'a', port: 1 }],
    clocks: ['wall'],
    callbacks: { deny: [] },
    hostcalls: { deny: [] },
    sharedData: false,
    random: false,
  });
  const chain = await createFilterChain({ filters: [{ module: component, plugs: [plug], config: 'read' }] });
  const server = createServer(chain.handler((req, res) => res.end(req.headers['x-subject'])));
  t.after(async () => {
    await closeServer(server);
    await chain.close();
  });
  const port = await listen(server);
  assert.equal((await get(port, '/')).status, 401);
  assert.equal((await get(port, '/', 'Authorization: Bearer bert-token')).body.toString(), 'bert');
});

test('wrong options: every fault, in the words of the configuration file', async () => {
  const wrong = {
    filters: [
      { module: 'a.wasm', name: 'one', limits: { pauseTime: 'soon' } },
      { module: 'b.wasm', name: 'one' },
      { module: new URL('https://example.com/c.wasm') },
      { module: 'd.wasm', confg: {} },
    ],
  };
  const error = await createFilterChain(wrong as unknown as FilterChainOptions).catch(e => e);
  assert.ok(error instanceof ConfigError);
  assert.deepEqual(
    error.issues.map(issue => `${issue.path}: ${issue.message}`),
    [
      'filters.one: two filters have this name',
      'filters.one.limits.pauseTime: "soon" is not a duration',
      'filters.c.module: https:// modules are not implemented yet',
      'filters.d.confg: unknown key',
    ],
  );
  assert.match(error.message, /^createFilterChain: filters\.one: /);
});

test('filters that don’t load or start: all errors at once', async () => {
  const log = new MemoryLog();
  const bytes = readFileSync(addHeader);
  const error = await createFilterChain({
    filters: [
      { module: '/nowhere/none.wasm' },
      { module: Buffer.from('text'), name: 'text' },
      { module: bytes, name: 'hash', sha256: '0'.repeat(64) },
      { module: pathToFileURL(addHeader.pathname), config: { unknown: true } },
      { module: addHeader, name: 'fine', config },
    ],
    log,
  }).catch(e => e);
  assert.ok(error instanceof StartError);
  assert.deepEqual(
    error.errors.map(e => e.code),
    ['MODULE_NOT_FOUND', 'MODULE_NOT_WASM', 'MODULE_HASH_MISMATCH', 'PLUGIN_CONFIGURE_FAILED'],
  );
  assert.ok(error.errors[0]!.cause instanceof ModuleError);
  assert.ok(error.errors[3]!.cause instanceof PluginError);
  assert.match(error.message, /createFilterChain: filters\.add-header: proxy_on_configure returned false/);
});
