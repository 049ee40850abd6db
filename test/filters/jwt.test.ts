import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { get, header } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const LATER = Math.floor(Date.now() / 1000) + 3600;
const EARLIER = Math.floor(Date.now() / 1000) - 3600;

const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

function token(claims: unknown, head: unknown = { alg: 'HS256', typ: 'JWT' }, secret = SECRET): string {
  const signed = `${encode(head)}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

describe('jwt', () => {
  const setup = async (t: Parameters<typeof startUpstream>[0], config: object = {}) => {
    const upstream = await startUpstream(t);
    const filters = { f: shipped('jwt', { secret: SECRET, claimsToHeaders: { sub: 'x-user' }, ...config }) };
    const { port, log } = await startTestWeir(t, { upstreams: [upstream.port], filters });
    const send = (authorization: string | undefined, path = '/', ...lines: string[]) =>
      get(port, path, ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]), ...lines);
    return { send, upstream, log, seen: () => upstream.requests.at(-1)! };
  };

  it('lets a valid token pass, with its claims as headers', async t => {
    const { send, seen } = await setup(t, {
      claimsToHeaders: { sub: 'x-user', roles: 'x-roles', n: 'x-n', none: 'x-none' },
    });
    const claims = { sub: 'Zoë', roles: ['a', 'b'], n: 7, none: null, exp: LATER };
    const response = await send(
      `Bearer ${token(claims)}`,
      '/',
      'X-User: admin',
      'X-None: forged',
      'X-ROLES: root',
    );
    assert.equal(response.status, 200);
    assert.equal(Buffer.from(seen().headers.get('x-user')!, 'latin1').toString(), 'Zoë');
    assert.equal(seen().headers.get('x-roles'), '["a","b"]');
    assert.equal(seen().headers.get('x-n'), '7');
    assert.equal(seen().headers.has('x-none'), false);
    assert.ok(seen().headers.has('authorization'));
    assert.equal((await send(`bEaReR   ${token(claims)} `)).status, 200);
  });

  it('answers everything else with 401 in its own words; the upstream sees nothing', async t => {
    const { send, upstream } = await setup(t, { iss: 'me', aud: 'api' });
    const good = { sub: 'a', exp: LATER, iss: 'me', aud: 'api' };
    const [head, body, signature] = token(good).split('.') as [string, string, string];
    const wrong: readonly (readonly [string | undefined, string, RegExp])[] = [
      [undefined, 'invalid_request', /a bearer token is needed/],
      ['', 'invalid_request', /a bearer token is needed/],
      ['Basic YTpi', 'invalid_request', /a bearer token is needed/],
      ['Bearer', 'invalid_request', /a bearer token is needed/],
      ['Bearer x', 'invalid_token', /three parts/],
      ['Bearer \xff\xfe\x80', 'invalid_token', /three parts/],
      ['Bearer ..', 'invalid_token', /not JSON/],
      ['Bearer \xff.\xff.\xff', 'invalid_token', /not JSON/],
      [`Bearer ${head}.${body}.`, 'invalid_token', /signature of the token is wrong/],
      [`Bearer ${head}.${body}`, 'invalid_token', /./],
      [
        `Bearer ${head}.${encode({ ...good, sub: 'admin' })}.${signature}`,
        'invalid_token',
        /signature of the token is wrong/,
      ],
      [`Bearer ${head}.${body}.${signature.slice(0, -2)}`, 'invalid_token', /signature/],
      [`Bearer ${head}.${body}.${signature}=`, 'invalid_token', /signature of the token is not Base64url/],
      [`Bearer ${token(good, { alg: 'none' })}`, 'invalid_token', /algorithm of the token is not HS256/],
      [`Bearer ${encode({ alg: 'none' })}.${body}.`, 'invalid_token', /algorithm/],
      [`Bearer ${token(good, { alg: 'hs256' })}`, 'invalid_token', /algorithm/],
      [`Bearer ${token(good, { alg: 'HS512' })}`, 'invalid_token', /algorithm/],
      [`Bearer ${token(good, { alg: ['HS256'] })}`, 'invalid_token', /algorithm/],
      [`Bearer ${token(good, { alg: 'HS256', crit: [] })}`, 'invalid_token', /extension/],
      [
        `Bearer ${token(good, undefined, 'another secret of thirty-two bytes')}`,
        'invalid_token',
        /signature of the token is wrong/,
      ],
      [`Bearer ${token({ ...good, exp: EARLIER })}`, 'invalid_token', /expired/],
      [`Bearer ${token({ ...good, exp: undefined })}`, 'invalid_token', /no expiry/],
      [
        `Bearer ${token({ ...good, exp: 'tomorrow' })}`,
        'invalid_token',
        /expiry of the token is not a number/,
      ],
      [`Bearer ${token({ ...good, exp: null })}`, 'invalid_token', /expiry of the token is not a number/],
      [`Bearer ${token({ ...good, nbf: LATER })}`, 'invalid_token', /not valid yet/],
      [`Bearer ${token({ ...good, iss: 'you' })}`, 'invalid_token', /another issuer/],
      [`Bearer ${token({ ...good, aud: 'web' })}`, 'invalid_token', /another audience/],
      [`Bearer ${token({ ...good, aud: ['web', 'x'] })}`, 'invalid_token', /another audience/],
      [`Bearer ${token([1])}`, 'invalid_token', /holds no JSON object/],
      [`Bearer ${token('text')}`, 'invalid_token', /holds no JSON object/],
      [`Bearer ${'x'.repeat(60_000)}`, 'invalid_token', /too long|three parts/],
    ];
    for (const [authorization, error, message] of wrong) {
      const response = await send(authorization);
      const what = String(authorization).slice(0, 80);
      assert.equal(response.status, 401, what);
      const answer = JSON.parse(response.body.toString()) as { error: string; message: string };
      assert.equal(answer.error, error, what);
      assert.match(answer.message, message, what);
      assert.equal(
        header(response, 'www-authenticate'),
        `Bearer realm="weir", error="${error}", error_description="${answer.message}"`,
      );
      assert.equal(header(response, 'content-type'), 'application/json');
      assert.equal(header(response, 'cache-control'), 'no-store');
    }
    assert.equal(upstream.requests.length, 0);
    assert.equal((await send(`Bearer ${token({ ...good, aud: ['web', 'api'] })}`)).status, 200);
  });

  it('more than one Authorization field is refused, in any order and case, but on exempt paths', async t => {
    for (const removeAuthorization of [false, true]) {
      const { send, upstream } = await setup(t, { removeAuthorization, exemptPaths: ['/health'] });
      const good = `Bearer ${token({ sub: 'a', exp: LATER })}`;
      const other = `Bearer ${token({ sub: 'admin', exp: LATER }, undefined, 'x'.repeat(32))}`;
      const message = 'there is more than one Authorization field';
      for (const [first, ...rest] of [
        [good, `Authorization: ${other}`],
        [other, `Authorization: ${good}`],
        [good, `Authorization: ${good}`],
        [good, `aUTHORIZATION: ${other}`],
        [good, 'X-Between: 1', 'Authorization: Basic YTpi'],
        [good, 'Authorization:'],
        ['', `Authorization: ${good}`],
        [good, 'Authorization: \xff', 'authorization: x'],
      ] as [string, ...string[]][]) {
        const response = await send(first, '/', ...rest);
        assert.equal(response.status, 401, rest.join());
        assert.deepEqual(JSON.parse(response.body.toString()), { error: 'invalid_request', message });
        assert.equal(
          header(response, 'www-authenticate'),
          `Bearer realm="weir", error="invalid_request", error_description="${message}"`,
        );
      }
      assert.equal((await send(`${good}, ${other}`)).status, 401);
      assert.equal(upstream.requests.length, 0);
      assert.equal((await send(good)).status, 200);
      assert.equal((await send(good, '/health', `Authorization: ${other}`)).status, 200);
    }
  });

  it('leeway, requireExp, realm, removeAuthorization, secretBase64', async t => {
    const config = { leeway: 4000, requireExp: false, realm: 'api', removeAuthorization: true };
    const { send, seen } = await setup(t, config);
    for (const claims of [{ exp: EARLIER }, { nbf: LATER }, {}]) {
      assert.equal((await send(`Bearer ${token(claims)}`)).status, 200, JSON.stringify(claims));
      assert.equal(seen().headers.has('authorization'), false);
    }
    assert.match(header(await send('x'), 'www-authenticate') ?? '', /^Bearer realm="api", /);
    const bytes = Buffer.from(Array.from({ length: 40 }, (_, i) => 255 - i));
    const other = await setup(t, { secret: undefined, secretBase64: bytes.toString('base64') });
    const signed = `${encode({ alg: 'HS256' })}.${encode({ exp: LATER })}`;
    const mac = createHmac('sha256', bytes).update(signed).digest('base64url');
    assert.equal((await other.send(`Bearer ${signed}.${mac}`)).status, 200);
  });

  it('exempt paths need no token, but only when no upstream can read them as another one', async t => {
    const { send, seen } = await setup(t, { exemptPaths: ['/health', '/public/*'] });
    for (const path of ['/health', '/health?x=/../y', '/public/', '/public/a/b']) {
      assert.equal((await send(undefined, path, 'X-User: forged', 'x-user: twice')).status, 200, path);
      assert.equal(seen().headers.has('x-user'), false);
    }
    const not = [
      '/Health',
      '/health/',
      '/healthy',
      '/public',
      '/public/../admin',
      '/public/%2e%2e/admin',
      '/public/.%2E/x',
      '/public//x',
      '/public/;x',
      '/public/%2Fx',
      '/public/\\x',
      '/public/%252e',
      '/public/.',
    ];
    for (const path of not) assert.equal((await send(undefined, path)).status, 401, path);
  });

  it('a claim that cannot stand in a header is left out', async t => {
    const { send, seen } = await setup(t);
    const response = await send(
      `Bearer ${token({ sub: 'a\r\nx-admin: 1', exp: LATER })}`,
      '/',
      'X-User: forged',
    );
    assert.equal(response.status, 200);
    assert.equal(seen().headers.has('x-user'), false);
    assert.equal(seen().headers.has('x-admin'), false);
  });

  it('a wrong configuration is refused at start, with its reason', async () => {
    await assertRefused('jwt', [
      [undefined, /jwt: wrong configuration/],
      [{}, /exactly one of secret and secretBase64/],
      [{ secret: 'x', secretBase64: 'eA==' }, /exactly one of secret and secretBase64/],
      [{ secret: '' }, /secret: it is empty/],
      [{ secretBase64: '***' }, /secretBase64: not Base64/],
      [{ secret: 7 }, /secret/],
      [{ secret: SECRET, algorithm: 'HS512' }, /algorithm: unknown key/],
      [{ secret: SECRET, realm: 'a"b' }, /realm/],
      [{ secret: SECRET, realm: 'a\r\nb' }, /realm/],
      [{ secret: SECRET, exemptPaths: ['health'] }, /does not begin with a slash/],
      [{ secret: SECRET, claimsToHeaders: { sub: 'x user' } }, /claimsToHeaders\.sub/],
      [{ secret: SECRET, claimsToHeaders: { sub: 1 } }, /claimsToHeaders\.sub/],
      [{ secret: SECRET, leeway: -1 }, /leeway/],
      [{ secret: SECRET, requireExp: 'yes' }, /requireExp: true or false/],
    ]);
    await assertStarts('jwt', [{ secret: SECRET }, { secret: 'short' }]);
  });
});
