import { describe, it } from 'node:test';
import { assertRefused, assertStarts } from '../support/shipped.ts';

describe('tcp-sni', () => {
  it('refuses a wrong configuration at start, with the reason', async () => {
    const allow = ['a.example'];
    await assertRefused('tcp-sni', [
      [undefined, /there is none; a JSON object is needed/],
      [{}, /allow: at least one name is needed/],
      [{ allow: [] }, /allow: at least one name is needed/],
      [{ allow: 'a.example' }, /allow: an array is needed, not a string/],
      [{ allow: ['a', '*.*'] }, /allow\.1: "\*\.\*" is no host name/],
      [{ allow: ['a.example.'] }, /allow\.0: "a\.example\." is no host name/],
      [{ allow: ['a*.example'] }, /allow\.0: "a\*\.example" is no host name/],
      [{ allow, alpn: [''] }, /alpn: names of protocols are needed/],
      [{ allow, onMissing: 'open' }, /onMissing: "open" is none of close, allow/],
      [{ allow, maxBytes: 511 }, /maxBytes: 511 is not from 512 to 65536/],
      [{ allow, deny: [] }, /deny: unknown key; known are allow, alpn, onMissing, maxBytes/],
    ]);
  });

  it('starts with everything that its README says', async () => {
    await assertStarts('tcp-sni', [
      { allow: ['example.com', '*.Example.org', '*'] },
      { allow: ['*'], alpn: ['h2', 'http/1.1'], onMissing: 'allow', maxBytes: 65_536 },
    ]);
  });
});
