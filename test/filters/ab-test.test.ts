import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startUpstream } from '../support/fixtures.ts';
import { get, headerValues } from '../support/raw-client.ts';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { startTestWeir } from '../support/weir.ts';

describe('ab-test', () => {
  const setup = async (t: Parameters<typeof startUpstream>[0], config: object) => {
    const upstream = await startUpstream(t, (_req, res) =>
      res.writeHead(200, { 'set-cookie': 'own=1' }).end(),
    );
    const { port } = await startTestWeir(t, {
      upstreams: [upstream.port],
      filters: { f: shipped('ab-test', config) },
    });
    return async (...lines: string[]) => {
      const response = await get(port, '/', ...lines);
      assert.equal(response.status, 200);
      const { headers } = upstream.requests.at(-1)!;
      return { headers, variant: headers.get('x-variant'), cookies: headerValues(response, 'set-cookie') };
    };
  };

  it('a newcomer gets a variant, the upstream sees it, and a cookie keeps it', async t => {
    const send = await setup(t, { variants: { a: 50, b: 50 } });
    const { variant, cookies } = await send();
    assert.ok(variant === 'a' || variant === 'b', variant);
    assert.deepEqual(cookies, ['own=1', `ab=${variant}; Path=/; Max-Age=86400; SameSite=Lax`]);
    for (const cookie of [
      `ab=${variant}`,
      `x=1; ab=${variant}`,
      `x=1;  ab = ${variant} ; ab=other`,
      `\xff;ab=${variant};\x80`,
    ]) {
      const again = await send(`Cookie: ${cookie}`);
      assert.equal(again.variant, variant, cookie);
      assert.deepEqual(again.cookies, ['own=1'], cookie);
    }
  });

  it('reads all Cookie fields; of several cookies of that name the first counts', async t => {
    const send = await setup(t, { variants: { a: 0, b: 1, c: 0 } });
    const fields: readonly (readonly [variant: string, known: boolean, ...lines: string[]])[] = [
      ['a', true, 'Cookie: x=1', 'Cookie: ab=a'],
      ['a', true, 'Cookie: x=1; y=2', 'X-Between: ab=c', 'cOOKIE: z=3;ab=a', 'Cookie: ab=c'],
      ['c', true, 'Cookie: ab=c', 'Cookie: ab=a'],
      ['c', true, 'Cookie:', 'Cookie: ab', 'Cookie: \xff', 'Cookie: ab=c'],
      ['b', false, 'Cookie: ab=zzz', 'Cookie: ab=a'],
      ['b', false, 'Cookie: x=1', 'Cookie: y=2'],
      ['b', false, 'Cookie2: ab=a', 'X-Cookie: ab=a', 'Kookie: ab=a'],
    ];
    for (const [variant, known, ...lines] of fields) {
      const answer = await send(...lines);
      assert.equal(answer.variant, variant, lines.join());
      assert.equal(answer.cookies.length, known ? 1 : 2, lines.join());
    }
  });

  it('goes by weight: 0 gets no newcomers, but who has it keeps it', async t => {
    const send = await setup(t, { variants: { a: 0, b: 1, c: 0 } });
    for (let i = 0; i < 20; i++) assert.equal((await send()).variant, 'b');
    const keeps = await send('Cookie: ab=a');
    assert.equal(keeps.variant, 'a');
    assert.deepEqual(keeps.cookies, ['own=1']);
  });

  it('both variants of an even split are drawn', async t => {
    const send = await setup(t, { variants: { a: 1, b: 1 } });
    const drawn = new Set<string | undefined>();
    for (let i = 0; i < 64 && drawn.size < 2; i++) drawn.add((await send()).variant);
    assert.deepEqual([...drawn].sort(), ['a', 'b']);
  });

  it('a forged header is removed; an unknown, huge or strange cookie is none', async t => {
    const send = await setup(t, { variants: { a: 1 } });
    const cookies = [
      'ab=zzz',
      'ab=',
      'ab',
      '=a',
      'AB=a',
      'ab=\xff\xfe',
      `ab=${'a'.repeat(50_000)}`,
      'ab=a\xe4',
      'xab=a',
    ];
    for (const cookie of cookies) {
      const { variant, cookies } = await send(`Cookie: ${cookie}`, 'X-Variant: forged', 'x-variant: twice');
      assert.equal(variant, 'a', cookie.slice(0, 40));
      assert.equal(cookies.length, 2, cookie.slice(0, 40));
    }
  });

  it('cookie, header and maxAge are configured', async t => {
    const send = await setup(t, { variants: { a: 1 }, cookie: 'v.1', header: 'X-Group', maxAge: 0 });
    const { headers, cookies } = await send('X-Group: forged');
    assert.equal(headers.get('x-group'), 'a');
    assert.equal(headers.has('x-variant'), false);
    assert.equal(cookies[1], 'v.1=a; Path=/; SameSite=Lax');
  });

  it('a wrong configuration is refused at start, with its reason', async () => {
    const variants = { a: 1 };
    await assertRefused('ab-test', [
      [undefined, /wrong configuration: there is none/],
      ['nonsense', /not JSON/],
      [[], /a JSON object is needed/],
      [{}, /variants: at least one with a weight above 0/],
      [{ variants: {} }, /variants: at least one with a weight above 0/],
      [{ variants: { a: 0 } }, /variants: at least one with a weight above 0/],
      [{ variants: ['a'] }, /variants: an object/],
      [{ variants: { a: -1, b: 2 } }, /variants\.a: a weight of 0 or more/],
      [{ variants: { a: '1' } }, /variants\.a: a weight of 0 or more/],
      [{ variants: { 'a b': 1 } }, /"a b" is no name for a variant/],
      [{ variants: { 'a;b': 1 } }, /is no name for a variant/],
      [{ variants, cookie: 'a=b' }, /cookie: a cookie name/],
      [{ variants, header: ':path' }, /header: a header name/],
      [{ variants, maxAge: 1.5 }, /maxAge: a whole number/],
      [{ variants, weight: 1 }, /weight: unknown key/],
    ]);
    await assertStarts('ab-test', [{ variants }, { variants: { a: 0.5, b: 99.5 } }]);
  });
});
