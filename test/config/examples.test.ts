import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { test } from 'node:test';
import { Running, repository, weir } from '../cli/command.ts';

const examples = readdirSync(`${repository}config`).filter(name => name.endsWith('.yaml'));

for (const name of examples) {
  test(`config/${name} passes weir check`, async () => {
    const { code, stderr } = await weir(['check', `config/${name}`]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  test(`config/${name} starts, answers and stops`, async () => {
    await using running = new Running(['run', `config/${name}`, '--port', '0']);
    const url = await running.url();
    const response = await fetch(url);
    const body = await response.text();
    // Every example sends / to the built-in echo, which answers with what arrived.
    assert.equal(response.status, 200, body);
    assert.equal((JSON.parse(body) as { method: string }).method, 'GET');
    const { code, stderr } = await running.stop();
    assert.equal(code, 0, stderr);
    for (const line of stderr.trimEnd().split('\n')) {
      assert.ok(!/^(error|fatal)$/.test((JSON.parse(line) as { level: string }).level), line);
    }
  });
}

/** What the echo says arrived. */
interface Echo {
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
}

async function echoed(url: string, init: RequestInit = {}): Promise<{ response: Response; echo: Echo }> {
  const response = await fetch(url, init);
  assert.equal(response.status, 200);
  return { response, echo: (await response.json()) as Echo };
}

test('config/weir.yaml: each of the three filters shows', async () => {
  await using running = new Running(['run', 'config/weir.yaml', '--port', '0']);
  const { response, echo } = await echoed(await running.url(), { headers: { cookie: 'session=abc' } });
  assert.deepEqual(echo.headers['x-session'], ['abc']);
  assert.deepEqual(echo.headers['x-hello'], ['from a Rust filter']);
  assert.equal(response.headers.get('x-served-by'), 'weir');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
});

test('config/auth.yaml: the token and the password in its comments open the doors', async () => {
  const text = readFileSync(`${repository}config/auth.yaml`, 'utf8');
  const token = /TOKEN=(ey\S+)/.exec(text)?.[1];
  await using running = new Running(['run', 'config/auth.yaml', '--port', '0']);
  const url = await running.url();
  for (const path of ['/private', '/admin/', '/admin', '//x', '/%2e%2e/private']) {
    assert.equal((await fetch(`${url}${path}`)).status, 401, path);
  }
  const bearer = await echoed(`${url}/private`, {
    headers: { authorization: `Bearer ${token}`, 'x-user': 'root' },
  });
  assert.deepEqual(bearer.echo.headers['x-user'], ['anna']);
  const basic = `Basic ${Buffer.from('anna:open sesame').toString('base64')}`;
  const admin = await echoed(`${url}/admin/`, { headers: { authorization: basic } });
  assert.deepEqual(admin.echo.headers['x-user'], ['anna']);
  assert.equal(admin.echo.headers['authorization'], undefined);
});

test('config/routes.yaml: a visitor keeps the variant', async () => {
  await using running = new Running(['run', 'config/routes.yaml', '--port', '0']);
  const url = await running.url();
  const first = await shop(url, {});
  const cookie = /^shop-variant=(blue|green)/.exec(first.cookie ?? '');
  assert.equal(first.variant, cookie?.[1]);
  const again = await shop(url, { cookie: cookie?.[0] ?? '' });
  assert.deepEqual(again, { variant: first.variant, cookie: undefined });
  const canary = await shop(url, { 'x-env': 'canary' });
  assert.deepEqual(canary, { variant: undefined, cookie: undefined });
});

/** fetch sets Host itself, so this one is plain node:http. */
async function shop(url: string, headers: Record<string, string>) {
  const request = get(url, { headers: { ...headers, host: 'shop.example.com' }, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const echo = (await json(response)) as Echo;
  return { variant: echo.headers['x-variant']?.[0], cookie: response.headers['set-cookie']?.[0] };
}

test('config/rewrite.yaml: both bodies are rewritten', async () => {
  await using running = new Running(['run', 'config/rewrite.yaml', '--port', '0']);
  const body = new URLSearchParams({ card: '1234' }).toString();
  const { echo } = await echoed(await running.url(), {
    method: 'POST',
    body: `${body} anna@example.com`,
    headers: { 'content-type': 'text/plain' },
  });
  assert.equal(echo.body, 'card=*** someone@example.com');
});

test('config/components.yaml: components and a module in one chain, each of them shows', async () => {
  await using running = new Running(['run', 'config/components.yaml', '--port', '0']);
  const { response, echo } = await echoed(await running.url());
  assert.deepEqual(echo.headers['x-hello'], ['from a component in Rust']);
  assert.equal(response.headers.get('x-served-by'), 'weir');
  assert.equal(response.headers.get('x-also-served-by'), 'JavaScript');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
});

test('config/plugs.yaml: tokens open what their scopes say', async () => {
  await using running = new Running(['run', 'config/plugs.yaml', '--port', '0']);
  const url = `${await running.url()}/notes`;
  const as = (name: string) => ({ headers: { authorization: `Bearer ${name}-token`, 'x-subject': 'root' } });
  assert.equal((await fetch(url)).status, 401);
  assert.equal((await fetch(url, as('carl'))).status, 401);
  assert.deepEqual((await echoed(url, as('bert'))).echo.headers['x-subject'], ['bert']);
  assert.equal((await fetch(url, { ...as('bert'), method: 'POST', body: 'new=note' })).status, 401);
  const { echo } = await echoed(url, { ...as('anna'), method: 'POST', body: 'new=note' });
  assert.deepEqual(echo.headers['x-subject'], ['anna']);
  assert.equal(echo.body, 'new=note');
});

test('config/wasi-http.yaml: the handler answers by itself, and passes on', async () => {
  await using running = new Running(['run', 'config/wasi-http.yaml', '--port', '0']);
  const url = await running.url();
  const hello = await fetch(`${url}/hello`);
  assert.equal(await hello.text(), 'hello, world\n');
  assert.equal(hello.headers.get('x-content-type-options'), null);
  const body = 'x'.repeat(300_000);
  const { response, echo } = await echoed(`${url}/other`, { method: 'POST', body });
  assert.deepEqual(echo.headers['x-greeter'], ['request']);
  assert.equal(echo.body, body);
  assert.equal(response.headers.get('x-greeter'), 'response');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
});

test('config/ext-auth.yaml: the service decides', async () => {
  await using running = new Running(['run', 'config/ext-auth.yaml', '--port', '0']);
  const url = await running.url();
  const anna = await echoed(`${url}/?header=x-user:anna`, { headers: { 'x-user': 'root' } });
  assert.deepEqual(anna.echo.headers['x-user'], ['anna']);
  assert.equal((await echoed(url, { headers: { 'x-user': 'root' } })).echo.headers['x-user'], undefined);
  const refused = await fetch(`${url}/hello?status=404`);
  assert.equal(refused.status, 404);
  assert.equal(((await refused.json()) as { path: string }).path, '/check/hello');
  assert.equal((await fetch(`${url}/?status=503`)).status, 403);
});

test('config/rate-limit.yaml: a burst of five for each key, then 429', async () => {
  await using running = new Running(['run', 'config/rate-limit.yaml', '--port', '0']);
  const url = await running.url();
  const statuses = async (key: string) => {
    const found: number[] = [];
    for (let i = 0; i < 6; i++) {
      found.push((await fetch(`${url}/api/`, { headers: { 'x-api-key': key } })).status);
    }
    return found;
  };
  assert.deepEqual(await statuses('anna'), [200, 200, 200, 200, 200, 429]);
  assert.deepEqual(await statuses('bert'), [200, 200, 200, 200, 200, 429]);
  const { headers } = (await echoed(url)).response;
  assert.equal(headers.get('x-ratelimit-limit'), '100');
});
