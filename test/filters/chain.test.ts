import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { TRANSPORTS } from '../support/proxy.ts';
import { headerValues, type RawResponse, request } from '../support/raw-client.ts';
import { shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

const SECRET = 'a-secret-of-at-least-thirty-two-bytes';
const SALT = '7f3a9c51';
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function bearer(sub: string): string {
  const signed = `${encode({ alg: 'HS256' })}.${encode({ sub, exp: Date.now() / 1000 + 600 })}`;
  return `Bearer ${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

/** All seven. Both of those that ask for credentials cannot pass at once, so jwt exempts what basic-auth guards. */
const FILTERS = {
  'security-headers': shipped('security-headers', { remove: ['server'] }),
  'cookie-to-header': shipped('cookie-to-header', { cookies: { session: 'x-session' } }),
  'ab-test': shipped('ab-test', { variants: { a: 0, b: 1 } }),
  'add-header': shipped('add-header', {
    request: { set: { 'x-env': 'test' } },
    response: { set: { 'x-served-by': 'weir' } },
  }),
  jwt: shipped('jwt', { secret: SECRET, claimsToHeaders: { sub: 'x-user' }, exemptPaths: ['/basic/*'] }),
  'basic-auth': shipped('basic-auth', {
    users: { anna: `sha256:${SALT}:${createHash('sha256').update(`${SALT}secret`).digest('hex')}` },
  }),
  'body-rewrite': shipped('body-rewrite', {
    request: [{ pattern: 'secret', replacement: '******' }],
    response: [{ pattern: 'internal', replacement: 'external.example' }],
  }),
};

for (const transport of TRANSPORTS) {
  describe(`a chain of all shipped filters over ${transport}`, () => {
    const setup = async (t: Parameters<typeof startUpstream>[0]) => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/plain', server: 'x' });
        res.end('an internal matter');
      });
      const names = Object.keys(FILTERS);
      const { port, log } = await startTestWeir(t, {
        transport,
        upstreams: [upstream.port],
        filters: FILTERS,
        routes: [
          { match: { path: '/basic/' }, upstream: 'app', filters: names },
          { upstream: 'app', filters: names.filter(name => name !== 'basic-auth') },
        ],
      });
      const send = (path: string, ...lines: string[]) => {
        const head = [
          `POST ${path} HTTP/1.1`,
          'Host: a',
          'Content-Type: text/plain',
          'Content-Length: 11',
          ...lines,
        ];
        return request(port, `${head.join('\r\n')}\r\n\r\na secret 42`);
      };
      return { upstream, send, log };
    };

    const assertDressed = (response: RawResponse) => {
      assert.deepEqual(headerValues(response, 'x-content-type-options'), ['nosniff']);
      assert.deepEqual(headerValues(response, 'x-served-by'), ['weir']);
      assert.deepEqual(headerValues(response, 'set-cookie'), ['ab=b; Path=/; Max-Age=86400; SameSite=Lax']);
    };

    it('each does its part', async t => {
      const { upstream, send } = await setup(t);
      const forged = ['X-User: root', 'X-Session: forged', 'X-Variant: a', 'X-Env: mine'];
      const basic = `Authorization: Basic ${Buffer.from('anna:secret').toString('base64')}`;
      for (const [path, authorization, user] of [
        ['/', `Authorization: ${bearer('anna')}`, 'anna'],
        ['/basic/', basic, undefined],
      ] as const) {
        const response = await send(path, 'Cookie: session=s1', authorization, ...forged);
        assert.equal(response.status, 200);
        assert.equal(response.body.toString(), 'an external.example matter');
        assertDressed(response);
        assert.deepEqual(headerValues(response, 'server'), []);
        const seen = upstream.requests.at(-1)!;
        assert.equal(seen.headers.get('x-session'), 's1');
        assert.equal(seen.headers.get('x-variant'), 'b');
        assert.equal(seen.headers.get('x-env'), 'test');
        assert.equal(seen.headers.get('x-user'), user);
        assert.equal(seen.headers.get('accept-encoding'), 'identity');
        assert.equal(seen.body.toString(), 'a ****** 42');
      }
    });

    it('a refusal passes the filters before it, and no other', async t => {
      const { upstream, send } = await setup(t);
      for (const path of ['/', '/basic/']) {
        const response = await send(path, 'Cookie: session=s1');
        assert.equal(response.status, 401);
        assertDressed(response);
      }
      assert.equal(upstream.requests.length, 0);
    });

    it('hostile requests cost no filter its VM', async t => {
      const { send, log } = await setup(t);
      const bytes = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join('');
      const values = [
        bytes,
        'x'.repeat(60_000),
        '',
        ' \t',
        ';'.repeat(5000),
        '='.repeat(5000),
        ',,,',
        '%00%0d%0a',
        '"'.repeat(999),
      ];
      for (const value of values) {
        for (const name of ['Cookie', 'Authorization', 'X-User', 'Accept-Encoding']) {
          assert.equal((await send('/', `${name}: ${value}`)).status, 401, `${name} ${value.slice(0, 20)}`);
          const fine = name === 'Authorization' ? [] : [`Authorization: ${bearer('b')}`];
          const response = await send('/', ...fine, `${name}: ${value}`);
          assert.equal(response.status, fine.length === 0 ? 401 : 200, `${name} ${value.slice(0, 20)}`);
        }
      }
      assert.deepEqual(
        log.lines.filter(l => ['error', 'fatal'].includes(l.level)),
        [],
      );
      assert.ok(!log.lines.some(l => /VM/.test(l.message)));
    });
  });
}
