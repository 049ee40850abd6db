import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { get, header } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

const hashed = (password: string, salt = '7f3a9c51') =>
  `sha256:${salt}:${createHash('sha256')
    .update(salt + password)
    .digest('hex')}`;
const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
const USERS = { anna: hashed('secret'), jörg: hashed('päss:wörd', 'another-salt'), empty: hashed('') };

describe('basic-auth', () => {
  const setup = async (t: Parameters<typeof startUpstream>[0], config: object = {}) => {
    const upstream = await startUpstream(t);
    const { port } = await startTestWeir(t, {
      upstreams: [upstream.port],
      filters: { f: shipped('basic-auth', { users: USERS, ...config }) },
    });
    const send = (authorization?: string, ...lines: string[]) =>
      get(port, '/', ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]), ...lines);
    return { send, upstream, seen: () => upstream.requests.at(-1)! };
  };

  it('lets the right password pass, names with any characters too', async t => {
    const { send, seen } = await setup(t, { userHeader: 'x-user' });
    assert.equal((await send(basic('anna', 'secret'), 'X-User: admin', 'x-USER: root')).status, 200);
    assert.equal(seen().headers.get('x-user'), 'anna');
    assert.ok(seen().headers.has('authorization'));
    assert.equal((await send(basic('jörg', 'päss:wörd'))).status, 200);
    assert.equal(Buffer.from(seen().headers.get('x-user')!, 'latin1').toString(), 'jörg');
    assert.equal((await send(basic('empty', ''))).status, 200);
    assert.equal(
      (await send(`bAsIc   ${Buffer.from('anna:secret').toString('base64').replaceAll('=', '')}`)).status,
      200,
    );
  });

  it('answers everything else with 401 and the challenge; the upstream sees nothing', async t => {
    const { send, upstream } = await setup(t, { realm: 'staging' });
    const wrong = [
      undefined,
      '',
      'Basic',
      'Basic ',
      'Bearer x',
      basic('anna', 'Secret'),
      basic('anna', 'secret '),
      basic('anna', ''),
      basic('', ''),
      basic('', 'secret'),
      basic('Anna', 'secret'),
      basic('nobody', 'secret'),
      basic('anna', USERS.anna),
      `Basic ${Buffer.from('annasecret').toString('base64')}`,
      `Basic ${Buffer.from('anna:secret\0').toString('base64')}`,
      'Basic %%%%',
      'Basic \xff\xfe\xfd',
      `Basic ${Buffer.from('anna:secret').toString('base64')}x`,
      basic('anna', 'x'.repeat(50_000)),
    ];
    for (const authorization of wrong) {
      const response = await send(authorization);
      const what = String(authorization).slice(0, 80);
      assert.equal(response.status, 401, what);
      assert.equal(header(response, 'www-authenticate'), 'Basic realm="staging", charset="UTF-8"', what);
      assert.equal(response.body.toString(), 'A user name and a password are needed.\n');
      assert.equal(header(response, 'cache-control'), 'no-store');
    }
    assert.equal(upstream.requests.length, 0);
  });

  it('more than one Authorization field is refused, in any order and case', async t => {
    for (const removeAuthorization of [false, true]) {
      const { send, upstream } = await setup(t, { removeAuthorization });
      const good = basic('anna', 'secret');
      for (const [first, ...rest] of [
        [good, `Authorization: ${basic('root', 'x')}`],
        [basic('root', 'x'), `Authorization: ${good}`],
        [good, `Authorization: ${good}`],
        [good, 'aUTHORIZATION: Bearer x'],
        [good, 'X-Between: 1', 'Authorization: another'],
        [good, 'Authorization:'],
        ['', `Authorization: ${good}`],
        [good, 'Authorization: \xff', 'authorization: x'],
      ] as [string, ...string[]][]) {
        const response = await send(first, ...rest);
        assert.equal(response.status, 401, rest.join());
        assert.equal(response.body.toString(), 'There is more than one Authorization field.\n');
        assert.equal(header(response, 'content-type'), 'text/plain');
        assert.equal(header(response, 'cache-control'), 'no-store');
        assert.equal(
          header(response, 'www-authenticate'),
          'Basic realm="weir", charset="UTF-8", error="invalid_request"',
        );
      }
      assert.equal((await send(`${good}, ${good}`)).status, 401);
      assert.equal(upstream.requests.length, 0);
      assert.equal((await send(good, 'Proxy-Authorization: x', 'X-Authorization: x')).status, 200);
    }
  });

  it('removeAuthorization: the upstream does not see the password', async t => {
    const { send, seen } = await setup(t, { removeAuthorization: true });
    assert.equal((await send(basic('anna', 'secret'))).status, 200);
    assert.equal(seen().headers.has('authorization'), false);
  });

  it('a wrong configuration is refused at start, with its reason', async () => {
    const users = { anna: hashed('x') };
    await assertRefused('basic-auth', [
      [undefined, /basic-auth: wrong configuration: not JSON/],
      ['{', /not JSON/],
      [[1], /a JSON object is needed/],
      [{}, /users: at least one is needed/],
      [{ users: {} }, /users: at least one is needed/],
      [{ users: ['anna'] }, /users: an object/],
      [{ users: { anna: 'plain' } }, /anna: sha256:<salt>:/],
      [{ users: { anna: `sha256:${'0'.repeat(64)}` } }, /anna: sha256:<salt>:/],
      [{ users: { anna: hashed('x', 'short') } }, /anna: the salt needs at least 8 characters/],
      [{ users: { anna: hashed('x').slice(0, -1) } }, /anna: sha256:<salt>:/],
      [{ users: { 'an:na': hashed('x') } }, /an:na: a user name has no colon/],
      [{ users: { '': hashed('x') } }, /a user name has no colon/],
      [{ users: { 'a\nb': hashed('x') } }, /a user name has no colon/],
      [{ users, realm: 'a"b' }, /realm: printable ASCII/],
      [{ users, realm: 1 }, /realm: a string is needed/],
      [{ users, userHeader: 'x user' }, /userHeader: a header name is needed/],
      [{ users, userHeader: ':path' }, /userHeader: a header name is needed/],
      [{ users, removeAuthorization: 'yes' }, /removeAuthorization: true or false/],
      [{ users, user: 'x' }, /user: unknown key/],
    ]);
    await assertStarts('basic-auth', [{ users, userHeader: null, realm: '' }]);
  });
});
