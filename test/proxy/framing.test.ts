import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  cleanTrailers,
  connectionOptions,
  HOP_BY_HOP,
  parseLength,
  removeNominated,
  removeOwnFields,
} from '../../src/proxy/framing.ts';
import { readResponseHead } from '../../src/proxy/response-head.ts';

describe('framing', () => {
  it('reads a Content-Length exactly, or not at all', () => {
    assert.equal(parseLength('0'), 0);
    assert.equal(parseLength('0012'), 12);
    assert.equal(parseLength('9007199254740991'), Number.MAX_SAFE_INTEGER);
    for (const bad of ['', ' 1', '1 ', '+1', '-1', '1.0', '1e3', '0x1', '1,1', '9007199254740992', '١']) {
      assert.equal(parseLength(bad), -1, bad);
    }
  });

  it('reads what Connection names', () => {
    assert.deepEqual(connectionOptions('Keep-Alive, X-A ,,x-b,close'), ['x-a', 'x-b']);
  });

  it('removes what Connection named, but not the framing', () => {
    const raw = ['X-A', '1', 'B', '2', 'Content-Length', '3', 'x-a', '4'];
    removeNominated(raw, ['x-a', 'content-length']);
    assert.deepEqual(raw, ['B', '2', 'Content-Length', '3']);
  });

  it('removes what filters wrote of our fields', () => {
    const raw = [
      'a',
      '1',
      'Content-Length',
      '5',
      'Host',
      'x',
      'te',
      'trailers',
      'TE',
      'gzip',
      'connection',
      'a',
      'b',
      '2',
    ];
    assert.equal(removeOwnFields(raw), true);
    assert.deepEqual(raw, ['a', '1', 'te', 'trailers', 'b', '2']);
    assert.equal(removeOwnFields(raw), false);
  });

  it('removes framing from trailers', () => {
    assert.deepEqual(
      cleanTrailers(['X', '1', 'Content-Length', '2', 'Transfer-Encoding', 'x', 'Host', 'a']),
      ['X', '1'],
    );
  });

  it('leaves no hop-by-hop field in any response, and keeps the order of the rest', () => {
    const name = fc.oneof(
      fc.constantFrom(...HOP_BY_HOP, 'X-A', 'Set-Cookie', 'x-b', 'Via', 'date'),
      fc.stringMatching(/^[A-Za-z-]{1,20}$/),
    );
    const mixed = name.chain(text => fc.constantFrom(text, text.toUpperCase(), text.toLowerCase()));
    fc.assert(
      fc.property(fc.array(fc.tuple(mixed, fc.constantFrom('1', 'keep-alive', 'x-a, x-b'))), fields => {
        const raw = fields
          .filter(([n]) => !['content-length', 'transfer-encoding'].includes(n.toLowerCase()))
          .flat();
        const named = fields
          .filter(([n]) => n.toLowerCase() === 'connection')
          .flatMap(([, v]) => connectionOptions(v));
        const expected = fields.filter(([n]) => {
          const lower = n.toLowerCase();
          return (
            !HOP_BY_HOP.has(lower) &&
            lower !== 'content-length' &&
            (!named.includes(lower) || ['host', 'expect', 'trailer'].includes(lower))
          );
        });
        assert.notEqual(readResponseHead(raw), undefined);
        assert.deepEqual(raw.slice(0, -2), expected.flat());
        assert.deepEqual(raw.slice(-2), ['Via', '1.1 weir']);
      }),
    );
  });
});
