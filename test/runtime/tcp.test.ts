import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigInput } from '../../src/config/schema.ts';
import { checkFilters } from '../../src/runtime/check-filters.ts';
import { startWeir } from '../../src/runtime/weir.ts';
import { MemoryLog } from '../support/log.ts';
import { openPeer } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';
import { startTestWeir, type WeirOptions, weirConfig } from '../support/weir.ts';

const ADD_HEADER = 'filters/rust/add-header/add-header.wasm';
const COMPONENT = 'filters/rust/add-header-component/add-header-component.wasm';

function tcp(
  filters: WeirOptions['filters'],
  more: Partial<ConfigInput['listeners'][number]> = {},
): WeirOptions {
  const listener = { address: '127.0.0.1:0', protocol: 'tcp' as const, upstream: 'app' };
  return { filters, listeners: [{ ...listener, filters: Object.keys(filters), ...more }] };
}

test('TCP and HTTP listeners in one Weir; its metrics', async t => {
  const options: WeirOptions = {
    filters: {},
    listeners: [
      { name: 'raw', address: '127.0.0.1:0', protocol: 'tcp', upstream: 'app' },
      { name: 'web', address: '127.0.0.1:0', protocol: 'tcp', upstream: 'app' },
    ],
  };
  const { running, url, port } = await startTestWeir(t, options);
  assert.equal(url, `tcp://127.0.0.1:${port}`);
  const client = (await openPeer(t, port)).send('12345');
  await client.untilText('12345');
  const open = await running.metrics();
  assert.match(open, /^weir_tcp_connections\{listener="raw"\} 1$/m);
  client.end();
  await client.untilEnded();
  const closed = async () => /^weir_tcp_connections\{listener="raw"\} 0$/m.test(await running.metrics());
  while (!(await closed())) await new Promise(resolve => setImmediate(resolve));
  const text = await running.metrics();
  assert.match(text, /^weir_tcp_connections_total\{listener="raw"\} 1$/m);
  assert.match(text, /^weir_tcp_connections_total\{listener="web"\} 0$/m);
  assert.match(text, /^weir_tcp_bytes_total\{listener="raw",from="downstream"\} 5$/m);
  assert.match(text, /^weir_tcp_bytes_total\{listener="raw",from="upstream"\} 5$/m);
});

test('a component in a TCP listener is an error at start and in a check, with its place', async () => {
  const config = weirConfig(tcp({ c: { module: COMPONENT, config: { header: 'a', value: 'b' } } }));
  const wrong = /weir-test\.yaml:\d+:\d+: filters\.c: filter c is a component: they know no TCP streams/;
  await assert.rejects(startWeir(config, new MemoryLog()), wrong);
  const [error, ...more] = await checkFilters(config, new MemoryLog());
  assert.match(error!.message, wrong);
  assert.deepEqual(more, []);
});

test('one that is loaded by its first connection fails that', async t => {
  const c = { module: COMPONENT, config: { header: 'a', value: 'b' }, preload: false };
  const { port, log } = await startTestWeir(t, tcp({ c }));
  const client = (await openPeer(t, port)).send('x');
  await client.untilEnded();
  assert.equal(client.text, '');
  assert.ok(log.at('error').some(line => /know no TCP streams/.test(line.message)));
});

test('a filter for HTTP in a TCP listener passes everything, and that is said', async t => {
  const filters = { h: { module: ADD_HEADER, config: { request: { set: { a: 'b' } } } } };
  const { port, log } = await startTestWeir(t, tcp(filters));
  const client = (await openPeer(t, port)).send('as it is');
  await client.untilText('as it is');
  assert.match(
    log.at('warn')[0]!.message,
    /filter h is in a tcp listener and has no callback for TCP streams/,
  );
});

test('several workers take connections', async t => {
  const { port, running } = await startTestWeir(t, { ...tcp({}), workers: 2 });
  const clients = await Promise.all(Array.from({ length: 20 }, () => openPeer(t, port)));
  await Promise.all(clients.map((client, i) => client.send(String(i)).untilText(String(i))));
  assert.match(await running.metrics(), /^weir_tcp_connections\{listener="listener-1"\} 20$/m);
  await running.close();
  await until(() => clients.every(client => client.ended), 'all to end');
});
