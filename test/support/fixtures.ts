import type { TestContext } from 'node:test';
import * as proxies from './proxy.ts';
import { RawClient } from './raw-client.ts';
import * as upstreams from './upstream.ts';

/** The same functions as in the other files here, for one test: what they start is closed when it ends. */
export async function startProxy(
  t: TestContext,
  ...args: Parameters<typeof proxies.startProxy>
): Promise<proxies.TestProxy> {
  const proxy = await proxies.startProxy(...args);
  t.after(() => proxy.close());
  return proxy;
}

export async function startUpstream(
  t: TestContext,
  ...args: Parameters<typeof upstreams.startUpstream>
): Promise<upstreams.TestUpstream> {
  const upstream = await upstreams.startUpstream(...args);
  t.after(() => upstream.close());
  return upstream;
}

export async function startRawUpstream(
  t: TestContext,
  ...args: Parameters<typeof upstreams.startRawUpstream>
): Promise<upstreams.RawUpstream> {
  const upstream = await upstreams.startRawUpstream(...args);
  t.after(() => upstream.close());
  return upstream;
}

export async function openClient(t: TestContext, port: number): Promise<RawClient> {
  const client = await RawClient.open(port);
  t.after(() => client.close());
  return client;
}
