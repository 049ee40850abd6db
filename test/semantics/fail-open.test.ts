import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openClient, startRawUpstream } from '../support/fixtures.ts';
import { ALL, BUFFER, MAP, type Op, PAUSE, probe, type Script } from '../support/probe.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { startTestWeir } from '../support/weir.ts';

const DECLARED = 'POST /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nContent-Length: 10\r\n\r\n0123456789';
const CHUNKED =
  'POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n';
const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-B: 2\r\n\r\n0123456789';

const spoil = (map: number): Op[] => [
  ['replace', map, map === MAP.request ? ':path' : ':status', map === MAP.request ? '/spoilt' : '500'],
  ['add', map, 'x-spoilt', '1'],
  ['remove', map, map === MAP.request ? 'x-a' : 'x-b'],
  ['local', 403, 'spoilt'],
  ['trap'],
];
const spoilBody = (buffer: number): Op[] => [['setBuffer', buffer, 0, ALL, 'SPOILT AND LONGER'], ['trap']];
const PAUSED: Op[] = [['return', PAUSE]];

/** Where the filter dies; each must leave no trace. */
const DEATHS: Readonly<Record<string, Script>> = {
  'request headers': { requestHeaders: spoil(MAP.request) },
  'a request body': { requestBody: spoilBody(BUFFER.request) },
  'the end of a request that it collected': {
    requestBody: [
      ['when', 'open', PAUSED],
      ['when', 'end', spoilBody(BUFFER.request)],
    ],
  },
  'response headers': { responseHeaders: spoil(MAP.response) },
  'a response body': { responseBody: spoilBody(BUFFER.response) },
  'the end of a response that it collected': {
    responseBody: [
      ['when', 'open', PAUSED],
      ['when', 'end', spoilBody(BUFFER.response)],
    ],
  },
};

/** What upstream and client see of one exchange, through another filter and, when there is a script, one that dies. */
async function exchange(t: TestContext, transport: TransportName, sent: string, script?: Script) {
  let up = '';
  let answered = false;
  const upstream = await startRawUpstream(t, (socket, text) => {
    up = text;
    if (answered || !/(\r\n\r\n0123456789|\r\n0\r\n\r\n)$/.test(text)) return;
    answered = true;
    socket.write(ANSWER);
  });
  const other = probe({ quiet: true }, { vmId: 'other' });
  const { port, log } = await startTestWeir(t, {
    transport,
    upstreams: [upstream.port],
    filters: {
      ...(script === undefined ? {} : { a: probe(script, { onFailure: 'open', vmId: 'a' }) }),
      b: other,
    },
  });
  const client = await openClient(t, port);
  client.send(sent);
  const { status, headers, body } = await client.response('POST');
  assert.equal(client.received.length, 0);
  const end = up.indexOf('\r\n\r\n');
  // Chunks may be cut elsewhere; ports and the time differ.
  const payload = up.slice(end + 4).replace(/(^|\r\n)[0-9a-f]+\r\n/g, '');
  const head = up.slice(0, end).replace(/^(via|x-forwarded-port|host):.*\r\n/gim, '');
  const fields = headers.filter(([name]) => name.toLowerCase() !== 'date');
  return { seen: { head, payload, status, fields, body: body.toString() }, log };
}

for (const transport of TRANSPORTS) {
  describe(`over ${transport}: a filter with onFailure: open that dies leaves no trace on the wire`, () => {
    for (const [what, script] of Object.entries(DEATHS)) {
      for (const [framing, sent] of [
        ['declared', DECLARED],
        ['chunked', CHUNKED],
      ] as const) {
        it(`in ${what}, ${framing}`, async t => {
          const { seen, log } = await exchange(t, transport, sent, script);
          assert.deepEqual(seen, (await exchange(t, transport, sent)).seen);
          assert.ok(
            log.lines.some(l => l.level === 'warn' && /^filter a skipped: proxy_on_/.test(l.message)),
            'it did die',
          );
        });
      }
    }
  });
}
