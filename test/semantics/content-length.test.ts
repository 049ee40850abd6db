import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream } from '../support/fixtures.ts';
import { ALL, BUFFER, finished, type Op, PAUSE, probe, type Script } from '../support/probe.ts';
import { TRANSPORTS, type TransportName } from '../support/proxy.ts';
import { header } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const DECLARED = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789';
const CHUNKED =
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n';

/** A message off the wire: its framing fields as they stand there, and the body they frame. */
interface Framed {
  readonly length: string | undefined;
  readonly chunked: boolean;
  readonly body: string;
}

/** Reads a whole message; undefined while some of it is missing. Fails on ambiguous or wrong framing. */
function read(text: string): Framed | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end).toLowerCase();
  const lengths = [...head.matchAll(/^content-length: (.*)$/gm)].map(m => m[1]!.trim());
  const encodings = [...head.matchAll(/^transfer-encoding: (.*)$/gm)].map(m => m[1]!.trim());
  assert.ok(lengths.length + encodings.length <= 1, head);
  let rest = text.slice(end + 4);
  if (encodings.length === 0) {
    const length = Number(lengths[0] ?? '0');
    assert.ok(rest.length <= length, `more than was declared: ${rest}`);
    return rest.length < length ? undefined : { length: lengths[0], chunked: false, body: rest };
  }
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    if (line < 0) return undefined;
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (rest.length < line + 4 + size) return undefined;
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 4 + size);
    if (size > 0) continue;
    assert.equal(rest, '');
    return { length: undefined, chunked: true, body };
  }
}

/** Sends a request through a filter to an upstream that answers; what each side saw. */
async function exchange(
  t: Parameters<typeof openClient>[0],
  transport: TransportName,
  script: Script,
  sent: string,
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789',
): Promise<{
  up: Framed;
  response: Awaited<ReturnType<Awaited<ReturnType<typeof openClient>>['response']>>;
}> {
  let up: Framed | undefined;
  const upstream = await startRawUpstream(t, (socket, text) => {
    if (up !== undefined) return;
    up = read(text);
    if (up !== undefined) socket.write(answer);
  });
  const { port, log } = await startTestWeir(t, {
    transport,
    upstreams: [upstream.port],
    filters: { a: probe(script) },
  });
  const client = await openClient(t, port);
  client.send(sent);
  const response = await client.response(sent.slice(0, sent.indexOf(' ')));
  await finished(log, 1);
  // Nothing more comes, on either side.
  assert.equal(client.received.length, 0);
  if (up === undefined) throw new Error('the upstream got no request');
  return { up, response };
}

const whole = (buffer: number, ...set: Op[]): Op[] => [
  ['when', 'open', [['return', PAUSE]]],
  ['when', 'end', set.map(([op, ...rest]) => [op, buffer, ...rest])],
];
const CHANGES: Readonly<Record<string, { ops: (buffer: number) => Op[]; body: string }>> = {
  longer: { ops: b => whole(b, ['setBuffer', 10, 0, '+more']), body: '0123456789+more' },
  shorter: { ops: b => whole(b, ['setBuffer', 3, ALL, '']), body: '012' },
  empty: { ops: b => whole(b, ['setBuffer', 0, ALL, '']), body: '' },
  'of the same length': { ops: b => whole(b, ['setBuffer', 0, 1, 'X']), body: 'X123456789' },
  'longer, unbuffered': {
    ops: b => [['when', 'end', [['setBuffer', b, ALL, 0, '+more']]]],
    body: '0123456789+more',
  },
  'untouched, buffered': { ops: b => whole(b), body: '0123456789' },
};

for (const transport of TRANSPORTS) {
  describe(`17. over ${transport}: after a body was changed the forwarded Content-Length is right`, () => {
    for (const [what, { ops, body }] of Object.entries(CHANGES)) {
      for (const [framing, sent] of [
        ['declared', DECLARED],
        ['chunked', CHUNKED],
      ] as const) {
        it(`request: ${what}, ${framing}`, async t => {
          const { up } = await exchange(t, transport, { requestBody: ops(BUFFER.request) }, sent);
          assert.equal(up.body, body);
          if (up.length !== undefined) assert.equal(up.length, String(body.length));
        });
      }

      for (const [framing, answer] of [
        ['declared', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789'],
        [
          'chunked',
          'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n',
        ],
      ] as const) {
        it(`response: ${what}, ${framing}`, async t => {
          const script = { responseBody: ops(BUFFER.response) };
          const { response } = await exchange(t, transport, script, DECLARED, answer);
          assert.equal(response.body.toString(), body);
          if (response.framing === 'length')
            assert.equal(header(response, 'content-length'), String(body.length));
          else assert.equal(response.framing, 'chunked');
        });
      }
    }

    it('whatever the filter wrote into Content-Length', async t => {
      const lie = (map: number): Op[] => [
        ['replace', map, 'content-length', '3'],
        ['add', map, 'content-length', '99'],
      ];
      const script = {
        requestHeaders: lie(0),
        requestBody: whole(BUFFER.request, ['setBuffer', 10, 0, '+more']),
        responseHeaders: lie(2),
        responseBody: whole(BUFFER.response, ['setBuffer', 3, ALL, '']),
      };
      const { up, response } = await exchange(t, transport, script, DECLARED);
      assert.equal(up.body, '0123456789+more');
      assert.equal(response.body.toString(), '012');
    });

    it('a filter that removes Content-Length gets a chunked message', async t => {
      const script = {
        requestHeaders: [['remove', 0, 'content-length']],
        responseHeaders: [['remove', 2, 'content-length']],
      } as const;
      const { up, response } = await exchange(t, transport, script, DECLARED);
      assert.deepEqual(up, { length: undefined, chunked: true, body: '0123456789' });
      assert.equal(response.framing, 'chunked');
      assert.equal(response.body.toString(), '0123456789');
    });

    it('HEAD: the length of what would have been sent stays where no filter touched it, and no body comes', async t => {
      const script = { responseBody: [['setBuffer', 1, 0, ALL, 'never']] } as const;
      const sent = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n';
      const { response } = await exchange(
        t,
        transport,
        script,
        sent,
        'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n',
      );
      assert.equal(response.framing, 'none');
      const length = header(response, 'content-length');
      assert.ok(length === '10' || length === undefined, length);
    });

    for (const status of [204, 304]) {
      it(`a filter that makes ${status} of a response with a body: no body, no framing that promises one`, async t => {
        const script = { responseHeaders: [['replace', 2, ':status', String(status)]] } as const;
        const { response } = await exchange(t, transport, script, DECLARED);
        assert.equal(response.status, status);
        assert.equal(header(response, 'transfer-encoding'), undefined);
        if (status === 204) assert.equal(header(response, 'content-length'), undefined);
      });
    }

    it('a filter that makes 200 of a 204: an empty body, framed', async t => {
      const script = { responseHeaders: [['replace', 2, ':status', '200']] } as const;
      const { response } = await exchange(t, transport, script, DECLARED, 'HTTP/1.1 204 No Content\r\n\r\n');
      assert.equal(response.status, 200);
      assert.equal(response.body.length, 0);
      assert.equal(header(response, 'content-length'), '0');
    });

    it('a filter that makes HEAD of a GET, or GET of a HEAD: the client reads what it asked for', async t => {
      const toHead = { requestHeaders: [['replace', 0, ':method', 'HEAD']] } as const;
      const head = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n';
      const one = await exchange(t, transport, toHead, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', head);
      assert.equal(one.response.status, 200);
      assert.equal(one.response.body.length, 0);
      const toGet = { requestHeaders: [['replace', 0, ':method', 'GET']] } as const;
      const two = await exchange(t, transport, toGet, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.equal(two.response.status, 200);
      assert.equal(two.response.framing, 'none');
    });
  });
}
