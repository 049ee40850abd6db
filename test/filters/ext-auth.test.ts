import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { openClient, startUpstream } from '../support/fixtures.ts';
import type { MemoryLog } from '../support/log.ts';
import { get, header, headerValues } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { closedPort } from '../support/upstream.ts';
import { until } from '../support/wait.ts';
import { type FilterInput, startTestWeir } from '../support/weir.ts';

type Answer = (req: IncomingMessage, res: ServerResponse) => void;

/** Says yes to `Authorization: good`. */
const byToken: Answer = (req, res) => {
  if (req.headers.authorization === 'good')
    res.writeHead(200, { 'x-user': 'anna', 'x-auth-role': 'reader' }).end('yes');
  else
    res
      .writeHead(401, { 'www-authenticate': 'Good', 'content-type': 'text/plain', 'x-why': 'bad' })
      .end('who are you?');
};

const texts = (log: MemoryLog) => log.lines.map(({ message }) => message).join('\n');

/** An application, a service that answers so, and the filter between them. */
async function setup(
  t: TestContext,
  config: object = {},
  answer: Answer = byToken,
  rest: Partial<FilterInput> = {},
) {
  const app = await startUpstream(t);
  const auth = await startUpstream(t, answer);
  const filter = shipped(
    'ext-auth',
    { upstream: 'app2', allowedUpstreamHeaders: ['x-user', 'x-auth-*'], ...config },
    { capabilities: { upstreams: ['app2'] }, ...rest },
  );
  const weir = await startTestWeir(t, { upstreams: [app.port, auth.port], filters: { f: filter } });
  const send = (path: string, ...lines: string[]) => get(weir.port, path, ...lines);
  return { app, auth, send, ...weir };
}

describe('ext-auth', () => {
  it('refuses a wrong configuration at start, with the reason', async () => {
    const upstream = 'auth';
    await assertRefused('ext-auth', [
      [undefined, /there is none; a JSON object is needed/],
      [{}, /upstream: the name of the upstream with the service is needed/],
      [{ upstream: '' }, /upstream: the name/],
      [{ upstream, uri: '/' }, /uri: unknown key; known are upstream, path, pathPrefix/],
      [{ upstream, path: 'check' }, /path: "check" is no path/],
      [{ upstream, path: '/a b' }, /path: "\/a b" is no path/],
      [{ upstream, pathPrefix: '/a\r\nx: y' }, /pathPrefix: ".*" is no path/],
      [{ upstream, path: '/a', pathPrefix: '/b' }, /path and pathPrefix: only one of them is possible/],
      [{ upstream, method: 'get' }, /method: "get" is no method/],
      [{ upstream, method: 'CONNECT' }, /method: CONNECT is not possible/],
      [{ upstream, authority: 'a b' }, /authority: "a b" is no host name/],
      [{ upstream, headers: ['a:b'] }, /headers\.0: "a:b" is not a header name/],
      [
        { upstream, headers: ['a', 'Transfer-Encoding'] },
        /headers\.1: transfer-encoding is the filter's own/,
      ],
      [{ upstream, headers: ['x-forwarded-uri'] }, /headers\.0: x-forwarded-uri is the filter's own/],
      [{ upstream, allowedUpstreamHeaders: ['*'] }, /a star alone would take all headers from the request/],
      [
        { upstream, allowedUpstreamHeaders: [':path'] },
        /allowedUpstreamHeaders\.0: ":path" is not a header name/,
      ],
      [{ upstream, allowedUpstreamHeaders: ['Host'] }, /allowedUpstreamHeaders: host belongs to the message/],
      [{ upstream, allowedClientHeaders: 'a' }, /allowedClientHeaders: an array is needed, not a string/],
      [{ upstream, timeout: '2d' }, /timeout: "2d" is not a duration/],
      [{ upstream, failureMode: 'open' }, /failureMode: "open" is none of deny, allow/],
      [{ upstream, statusOnError: 302 }, /statusOnError: 302 is not from 400 to 599/],
      [{ upstream, cache: {} }, /cache\.ttl: it is needed/],
      [{ upstream, cache: { ttl: '1s', entries: 0 } }, /cache\.entries: 0 is not from 1 to 100000/],
      [{ upstream, cache: { ttl: '1s', perPath: 1 } }, /cache\.perPath: true or false is needed/],
      [
        { upstream, cache: { ttl: '1s', size: 1 } },
        /cache\.size: unknown key; known are ttl, entries, perPath/,
      ],
    ]);
  });

  it('starts with everything that its README says', async () => {
    const upstream = 'auth';
    await assertStarts('ext-auth', [
      { upstream },
      {
        upstream,
        path: '/check?x=1',
        method: 'POST',
        authority: 'auth.internal:8080',
        headers: ['Authorization', 'cookie'],
        timeout: '500ms',
        allowedUpstreamHeaders: ['x-user', 'x-auth-*'],
        allowedClientHeaders: ['*'],
        failureMode: 'allow',
        statusOnError: 503,
        cache: { ttl: '10s', entries: 100_000, perPath: false },
      },
      { upstream, pathPrefix: '/', headers: [], allowedClientHeaders: [] },
    ]);
  });

  it('200 lets a request pass, with the chosen headers; the service is told of it', async t => {
    const { app, auth, send } = await setup(t, {
      pathPrefix: '/check',
      headers: ['authorization', 'x-tenant'],
    });
    const response = await send(
      '/a/b?c=d',
      'Authorization: good',
      'X-Tenant: one',
      'x-tenant: t\xffwo',
      'X-Forwarded-For: 192.0.2.7',
      'Cookie: secret',
      'X-User: root',
      'X-AUTH-forged: root',
      'x-user: root',
    );
    assert.equal(response.status, 200);
    assert.equal(response.body.toString(), 'ok');
    const [asked] = auth.requests;
    assert.equal(asked!.method, 'GET');
    assert.equal(asked!.url, '/check/a/b?c=d');
    assert.equal(asked!.headers.get('authorization'), 'good');
    assert.equal(asked!.headers.get('x-tenant'), 'one|t\xffwo');
    assert.equal(asked!.headers.has('cookie'), false);
    assert.equal(asked!.headers.get('x-forwarded-method'), 'GET');
    assert.equal(asked!.headers.get('x-forwarded-uri'), '/a/b?c=d');
    assert.equal(asked!.headers.get('x-forwarded-host'), asked!.headers.get('host'));
    assert.equal(asked!.headers.get('x-forwarded-proto'), 'http');
    assert.equal(asked!.headers.get('x-forwarded-for'), '192.0.2.7, 127.0.0.1');
    const [passed] = app.requests;
    assert.equal(passed!.headers.get('x-user'), 'anna');
    assert.equal(passed!.headers.get('x-auth-role'), 'reader');
    assert.equal(passed!.headers.has('x-auth-forged'), false);
    assert.equal(passed!.headers.get('cookie'), 'secret');
  });

  it('a body waits for the answer, and arrives whole', async t => {
    const { app, auth, port } = await setup(t, {
      path: '/fixed?x',
      method: 'GET',
      authority: 'auth.internal',
    });
    const client = await openClient(t, port);
    const body = 'x'.repeat(100_000);
    client.send(
      `POST /upload HTTP/1.1\r\nHost: h\r\nAuthorization: good\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    client.send(body);
    assert.equal((await client.response()).status, 200);
    assert.equal(app.requests[0]!.body.toString(), body);
    const [asked] = auth.requests;
    assert.equal(
      `${asked!.method} ${asked!.url} ${asked!.headers.get('host')}`,
      'GET /fixed?x auth.internal',
    );
    assert.equal(asked!.headers.get('x-forwarded-method'), 'POST');
    assert.equal(asked!.headers.get('x-forwarded-uri'), '/upload');
    assert.equal(asked!.body.length, 0);
  });

  it("every other answer is the client's; the upstream sees nothing", async t => {
    const { app, send } = await setup(t);
    const refused = await send('/', 'Authorization: bad');
    assert.equal(refused.status, 401);
    assert.equal(refused.body.toString(), 'who are you?');
    assert.equal(header(refused, 'www-authenticate'), 'Good');
    assert.equal(header(refused, 'x-why'), 'bad');
    const redirect: Answer = (_req, res) =>
      res.writeHead(302, { location: '/login', 'set-cookie': ['a=1', 'b=2'], 'x-why': 'login' }).end();
    const other = await setup(t, { allowedClientHeaders: ['set-cookie'] }, redirect);
    const redirected = await other.send('/');
    assert.equal(redirected.status, 302);
    assert.equal(header(redirected, 'location'), '/login');
    assert.deepEqual(headerValues(redirected, 'set-cookie'), ['a=1', 'b=2']);
    assert.equal(header(redirected, 'x-why'), undefined);
    const empty = await setup(t, {}, (_req, res) => res.writeHead(204).end());
    assert.equal((await empty.send('/')).status, 204);
    assert.equal(app.requests.length + other.app.requests.length + empty.app.requests.length, 0);
  });

  it('no answer, a late one and a 5xx: as failureMode says', async t => {
    const silent: Answer = () => {};
    const broken: Answer = (_req, res) => res.writeHead(503, { 'x-user': 'root' }).end('away');
    for (const answer of [silent, broken]) {
      const denied = await setup(t, { timeout: '50ms' }, answer);
      const response = await denied.send('/');
      assert.equal(response.status, 403);
      assert.equal(JSON.parse(response.body.toString()).error, 'unavailable');
      assert.equal(denied.app.requests.length, 0);
      const allowed = await setup(t, { timeout: '50ms', failureMode: 'allow' }, answer);
      assert.equal((await allowed.send('/', 'X-User: root')).status, 200);
      assert.equal(allowed.app.requests[0]!.headers.has('x-user'), false);
      assert.match(texts(allowed.log), /no answer of the service, or a 5xx; the request is let pass/);
    }
    const app = await startUpstream(t);
    const filter = shipped(
      'ext-auth',
      { upstream: 'app2', statusOnError: 503 },
      { capabilities: { upstreams: ['app2'] } },
    );
    const { port } = await startTestWeir(t, {
      upstreams: [app.port, await closedPort()],
      filters: { f: filter },
    });
    assert.equal((await get(port, '/')).status, 503);
  });

  it('without the capability nobody is asked, and nothing passes', async t => {
    const { send, auth, app, log } = await setup(t, {}, byToken, { capabilities: {} });
    assert.equal((await send('/', 'Authorization: good')).status, 403);
    assert.equal(auth.requests.length + app.requests.length, 0);
    assert.match(texts(log), /the call was refused \(capabilities: \{upstreams/);
  });

  it('decisions are kept, for exactly what the service was told', async t => {
    const { send, auth, app } = await setup(t, { cache: { ttl: '1h' } });
    for (let i = 0; i < 3; i++) {
      assert.equal((await send('/a', 'Authorization: good', 'X-User: root')).status, 200);
      const refused = await send('/a', 'Authorization: bad');
      assert.equal(`${refused.status} ${refused.body}`, '401 who are you?');
      assert.equal(header(refused, 'www-authenticate'), 'Good');
    }
    assert.equal(auth.requests.length, 2);
    assert.deepEqual(
      app.requests.map(({ headers }) => headers.get('x-user')),
      ['anna', 'anna', 'anna'],
    );
    await send('/b', 'Authorization: good');
    await send('/a', 'Authorization: good', 'X-Forwarded-For: 192.0.2.1');
    await send('/a', 'Authorization: good', 'Authorization: good');
    await send('/a');
    assert.equal(auth.requests.length, 6);
  });

  it('with perPath: false paths and methods share a decision; entries and ttl bound it', async t => {
    const { send, auth } = await setup(t, { cache: { ttl: '1h', entries: 1, perPath: false } });
    for (const path of ['/a', '/b?c']) await send(path, 'Authorization: good');
    assert.equal(auth.requests.length, 1);
    await send('/a', 'Authorization: bad');
    await send('/a', 'Authorization: good');
    assert.equal(auth.requests.length, 3);
    const brief = await setup(t, { cache: { ttl: '1ms' } });
    await brief.send('/', 'Authorization: good');
    while (brief.auth.requests.length < 2) await brief.send('/', 'Authorization: good');
  });

  it('redirects, cookies, failures and what says no-store are asked for anew', async t => {
    const answers: Answer[] = [
      (_req, res) => res.writeHead(302, { location: '/' }).end(),
      (_req, res) => res.writeHead(200, { 'set-cookie': 'a=1' }).end(),
      (_req, res) => res.writeHead(200, { 'cache-control': 'private, No-Store' }).end(),
      (_req, res) => res.writeHead(403).end('x'.repeat(5000)),
      (_req, res) => res.writeHead(500).end(),
    ];
    for (const answer of answers) {
      const { send, auth } = await setup(t, { cache: { ttl: '1h' } }, answer);
      const first = await send('/');
      assert.equal((await send('/')).status, first.status);
      assert.equal(auth.requests.length, 2);
    }
  });

  it('a client that goes while its answer is awaited harms nobody', async t => {
    const waiting: ServerResponse[] = [];
    const { port, auth, app, log, send } = await setup(t, {}, (req, res) => {
      if (req.url === '/wait') waiting.push(res);
      else byToken(req, res);
    });
    const client = await openClient(t, port);
    client.send('GET /wait HTTP/1.1\r\nHost: h\r\n\r\n');
    await until(() => waiting.length === 1);
    client.close();
    waiting[0]!.end();
    for (let i = 0; i < 3; i++) assert.equal((await send('/', 'Authorization: good')).status, 200);
    assert.equal(auth.requests.length, 4);
    assert.equal(app.requests.length, 3);
    assert.deepEqual(log.at('error'), []);
  });
});
