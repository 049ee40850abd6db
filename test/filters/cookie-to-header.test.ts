import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { get } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

const COOKIES = { session: 'x-session', user: 'x-user' };

describe('cookie-to-header', () => {
  const setup = async (t: Parameters<typeof startUpstream>[0], config: object = {}) => {
    const upstream = await startUpstream(t);
    const filters = { f: shipped('cookie-to-header', { cookies: COOKIES, ...config }) };
    const { port } = await startTestWeir(t, { upstreams: [upstream.port], filters });
    return async (...lines: string[]) => {
      assert.equal((await get(port, '/', ...lines)).status, 200);
      const { headers } = upstream.requests.at(-1)!;
      return {
        session: headers.get('x-session'),
        user: headers.get('x-user'),
        cookie: headers.get('cookie'),
        headers,
      };
    };
  };

  it('copies cookies, quotes and all; the first of a name counts; Cookie stays as it was', async t => {
    const send = await setup(t);
    const one = await send('Cookie: a=b; session="abc";user=anna ; session=second');
    assert.equal(one.session, '"abc"');
    assert.equal(one.user, 'anna');
    assert.equal(one.cookie, 'a=b; session="abc";user=anna ; session=second');
    const two = await send('Cookie: user=u1', 'Cookie: session=s2; user=u2');
    assert.equal(two.session, 's2');
    assert.equal(two.user, 'u1');
  });

  it('copies that the client sent never reach the upstream, also when there is no such cookie', async t => {
    const send = await setup(t);
    for (const cookie of [
      [],
      ['Cookie: other=1'],
      ['Cookie: '],
      ['Cookie: session'],
      ['Cookie: SESSION=x'],
      ['Cookie: ;;=;session;=x'],
    ]) {
      const { session } = await send('X-Session: forged', 'x-SESSION: twice', ...cookie);
      assert.equal(session, undefined, cookie[0]);
    }
    assert.equal(
      (await send('X-Session: forged', 'Cookie: session=mine', 'X-Session: last')).session,
      'mine',
    );
  });

  it('values are bytes of any kind and length', async t => {
    const send = await setup(t);
    const bytes = 'a\x80\xff=b=c\xe4';
    const long = 'v'.repeat(50_000);
    const { session, user, cookie } = await send(`Cookie: session=${bytes}; user=${long}`);
    assert.equal(session, bytes);
    assert.equal(user, long);
    assert.equal(cookie, `session=${bytes}; user=${long}`);
    assert.equal((await send('Cookie: session=')).session, '');
  });

  it('removeCookie takes these cookies out, and the header with the last of them', async t => {
    const send = await setup(t, { removeCookie: true });
    const { cookie, session } = await send('Cookie: a=1; session=s; b="x y"; user=u; session=again');
    assert.equal(cookie, 'a=1; b="x y"');
    assert.equal(session, 's');
    const all = await send('Cookie: session=s', 'Cookie: user=u');
    assert.equal(all.headers.has('cookie'), false);
    assert.equal((await send('Cookie:  odd ;x=1; \xff=2')).cookie, 'odd ;x=1; \xff=2');
  });

  it('overwrite: false lets a header that is there win', async t => {
    const send = await setup(t, { overwrite: false });
    const { session, user } = await send('X-Session: there', 'Cookie: session=s; user=u');
    assert.equal(session, 'there');
    assert.equal(user, 'u');
  });

  it('a wrong configuration is refused at start, with its reason', async () => {
    await assertRefused('cookie-to-header', [
      [undefined, /cookie-to-header: wrong configuration: there is none/],
      ['{"cookies":', /wrong configuration/],
      [[], /a JSON object is needed/],
      [{}, /cookies: at least one cookie/],
      [{ cookies: {} }, /cookies: at least one cookie/],
      [{ cookies: ['session'] }, /cookies: /],
      [{ cookies: { session: 1 } }, /cookies: session: /],
      [{ cookies: { session: 'x session' } }, /"x session" is not a header name/],
      [{ cookies: { session: 'Cookie' } }, /"cookie" is not a header name that can be used/],
      [{ cookies: { session: ':path' } }, /":path" is not a header name/],
      [{ cookies: { 'a;b': 'x-a' } }, /"a;b" is not a cookie name/],
      [{ cookies: { a: 'x-a', b: 'X-A' } }, /two cookies go to the same header x-a/],
      [{ cookies: COOKIES, removeCookies: true }, /removeCookies: unknown key/],
      [{ cookies: COOKIES, overwrite: 'no' }, /overwrite: /],
    ]);
    await assertStarts('cookie-to-header', [{ cookies: COOKIES }]);
  });
});
