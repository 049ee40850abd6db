import { describe, it } from 'node:test';
import { assertRefused, assertStarts } from '../support/shipped.ts';

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
});
