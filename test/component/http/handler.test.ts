import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openClient, startRawUpstream, startUpstream } from '../../support/fixtures.ts';
import { TRANSPORTS } from '../../support/proxy.ts';
import { get, header, request } from '../../support/raw-client.ts';
import { closedPort } from '../../support/upstream.ts';
import { until } from '../../support/wait.ts';
import { CASES, GREETER, rig } from './support.ts';

const post = (path: string, body: string) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const CHUNKED =
  'POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 5\r\n\r\n';

for (const transport of TRANSPORTS) {
  describe(`http-greeter through ${transport}`, () => {
    it('answers by itself, and never opens the upstream', async t => {
      const upstream = await startUpstream(t);
      const { port } = await rig(t, { endpoints: [upstream.port] }, { file: GREETER, transport });
      const response = await get(port, '/hello');
      assert.equal(response.status, 200);
      assert.equal(response.body.toString(), 'hello, world\n');
      assert.equal(upstream.requests.length, 0);
    });

    it('forwards a request and its answer', async t => {
      const upstream = await startUpstream(t);
      const { port } = await rig(t, { endpoints: [upstream.port] }, { file: GREETER, transport });
      const response = await request(port, post('/x?y=1', 'hello'));
      assert.equal(response.status, 200);
      assert.equal(response.body.toString(), 'ok');
      assert.equal(header(response, 'x-greeter'), 'response');
      const [seen] = upstream.requests;
      assert.equal(seen?.url, '/x?y=1');
      assert.equal(seen?.headers.get('x-greeter'), 'request');
      assert.equal(seen?.headers.get('content-length'), '5');
      assert.equal(seen?.headers.get('host'), 'a');
      assert.equal(seen?.body.toString(), 'hello');
    });

    it('forwards a request without a body as one', async t => {
      const upstream = await startUpstream(t);
      for (const file of [GREETER, CASES]) {
        const { port } = await rig(t, { endpoints: [upstream.port] }, { file, transport });
        assert.equal((await get(port, '/forward')).body.toString(), 'ok');
        const seen = upstream.requests.at(-1);
        assert.equal(seen?.headers.has('transfer-encoding'), false);
        assert.equal(seen?.headers.has('content-length'), false);
      }
    });

    it('forwards trailers both ways', async t => {
      const upstream = await startUpstream(t, (_req, res) => {
        res.writeHead(200, { trailer: 'x-t' });
        res.write('body');
        res.addTrailers([['x-t', '1']]);
        res.end();
      });
      const { port } = await rig(t, { endpoints: [upstream.port] }, { file: GREETER, transport });
      const response = await request(port, CHUNKED);
      assert.deepEqual(response.trailers, [['x-t', '1']]);
      assert.equal(upstream.requests[0]?.body.toString(), 'hello');
      assert.deepEqual(upstream.requests[0]?.trailers, ['X-Sum', '5']);
    });
  });

  describe(`a handler through ${transport}`, () => {
    it('makes another request: method, path, fields and a body where none came', async t => {
      const upstream = await startUpstream(t, (_req, res) => res.writeHead(201).end('dropped'));
      const { port } = await rig(t, { endpoints: [upstream.port] }, { transport });
      const response = await get(port, '/replace');
      assert.equal(response.status, 201);
      assert.equal(response.body.toString(), 'replaced\n');
      const [seen] = upstream.requests;
      assert.deepEqual([seen?.method, seen?.url, seen?.headers.get('x-own')], ['POST', '/replaced?x=1', '1']);
      assert.equal(seen?.body.toString(), 'a body of its own');
    });

    it('hears of an upstream that can not be reached, breaks off, or sends nonsense', async t => {
      const { port } = await rig(t, { endpoints: [await closedPort()] }, { transport });
      assert.match((await get(port, '/errors')).body.toString(), /^error .*ConnectionRefused/);
      for (const [bytes, told] of [
        ['', /^error .*ConnectionTerminated/],
        ['nonsense\r\n\r\n', /^error .*HttpProtocolError/],
        ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf', /^200 4 .*HttpResponseIncomplete/],
      ] as const) {
        const raw = await startRawUpstream(t, socket => socket.end(bytes, 'latin1'));
        const { port } = await rig(t, { endpoints: [raw.port] }, { transport });
        const { body } = await request(port, post('/errors', ''));
        assert.match(body.toString(), told);
      }
    });

    it('hears of an upstream that is too slow', async t => {
      const raw = await startRawUpstream(t, () => {});
      const route = { endpoints: [raw.port], timeouts: { response: 100 } };
      const { port } = await rig(t, route, { transport });
      assert.match((await get(port, '/errors')).body.toString(), /^error .*HttpResponseTimeout/);
    });

    it('answers before the upstream does, and hears what it says', async t => {
      const upstream = await startUpstream(
        t,
        (_req, res) => void setTimeout(() => res.writeHead(418).end(), 50),
      );
      const { port } = await rig(t, { endpoints: [upstream.port] }, { transport });
      assert.equal((await get(port, '/early')).body.toString(), 'early\nthen 418\n');
    });
  });
}

describe('a handler', () => {
  it('has its own response: trailers, and the second get of a future fails', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    const response = await request(port, CHUNKED);
    assert.equal(response.body.toString(), 'with trailers\n');
    assert.deepEqual(response.trailers, [
      ['X-Sum', '5'],
      ['x-more', 'true'],
    ]);
  });

  it('keeps the rules of fields', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    const { body } = await request(
      port,
      'POST /fields?q HTTP/1.1\r\nHost: a.example\r\nX-Bytes: \xff\xe9\r\nContent-Length: 1\r\n\r\nx',
    );
    const told = Object.fromEntries(
      body
        .toString()
        .trim()
        .split('\n')
        .map(line => line.split(/: (.*)/s, 2)),
    );
    const forbidden = 'Err(HeaderError::Forbidden)';
    const immutable = 'Err(HeaderError::Immutable)';
    const syntax = 'Err(HeaderError::InvalidSyntax)';
    assert.deepEqual(told, {
      append: 'Ok(())',
      'append again': 'Ok(())',
      get: '[[49], [50]]',
      has: 'true false',
      entries: '[("X-A", [49]), ("x-a", [50])]',
      set: 'Ok(()) [[51]]',
      delete: 'Ok(()) []',
      'bad name': syntax,
      'bad value': syntax,
      host: forbidden,
      Connection: forbidden,
      'transfer-encoding': forbidden,
      upgrade: forbidden,
      'keep-alive': forbidden,
      'from-list': 'Ok([("a", [49])])',
      'from-list forbidden': 'Some(HeaderError::Forbidden)',
      'incoming host': 'false',
      'incoming set': immutable,
      'incoming bytes': '[[255, 233]]',
      clone: 'Ok(())',
      'outgoing headers': immutable,
      'bad method': 'Err(())',
      'bad path': 'Err(())',
      'bad authority': 'Err(())',
      body: 'true false',
      'bad status': 'Err(()) Err(())',
      options: 'Ok(()) Some(5)',
      consume: 'true true',
      stream: 'true true',
      line: 'Method::Post Some("/fields?q") Some(Scheme::Http) Some("a.example")',
    });
  });

  it('has maps as large as its limits, and no larger', async t => {
    const limits = { headerCount: 50, headerBytes: 20_000 };
    const { port, state } = await rig(t, { endpoints: ['echo'] }, { limits });
    assert.equal((await get(port, '/limits')).body.toString(), '50 20000\n');
    assert.equal(state.counters.limitHits.headerCount, 1);
    assert.equal(state.counters.limitHits.headerBytes, 1);
  });

  it('logs what it writes to stdout and stderr', async t => {
    const { port, log } = await rig(t, { endpoints: ['echo'] });
    await get(port, '/stdout');
    const line = await until(() => log.lines.find(({ message }) => message === 'to stderr'));
    assert.deepEqual([line.level, line.fields], ['error', { filter: 'handler' }]);
    const other = log.lines.find(({ message }) => message === 'to stdout');
    assert.deepEqual([other?.level, other?.fields], ['info', { filter: 'handler' }]);
  });

  it('HEAD, 204 and 304 have no body, whatever it writes', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    const client = await openClient(t, port);
    for (const [method, path] of [
      ['HEAD', '/status/200'],
      ['GET', '/status/204'],
      ['GET', '/status/304'],
      ['HEAD', '/sizes/7-7'],
    ] as const) {
      client.send(`${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      const response = await client.response(method);
      assert.equal(response.body.length, 0, path);
      if (path === '/sizes/7-7') assert.equal(header(response, 'content-length'), '7');
    }
    client.send('GET /text/x HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.response()).body.toString(), 'x\n');
  });

  it('forwards a HEAD, and a response that has a length but no body', async t => {
    const upstream = await startUpstream(t, (_req, res) => res.writeHead(200, { 'content-length': 9 }).end());
    const { port } = await rig(t, { endpoints: [upstream.port] });
    for (const path of ['/forward', '/errors']) {
      const response = await request(port, `HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, 'HEAD');
      assert.equal(response.status, 200);
    }
    const [seen] = upstream.requests;
    assert.equal(seen?.method, 'HEAD');
  });

  it('a Content-Length that it keeps is sent; one that it breaks resets the connection', async t => {
    const { port, log } = await rig(t, { endpoints: ['echo'] });
    const kept = await get(port, '/sizes/10-10');
    assert.equal(header(kept, 'content-length'), '10');
    assert.equal(kept.body.toString(), 'x'.repeat(10));
    for (const sizes of ['10-5', '10-20']) {
      await assert.rejects(get(port, `/sizes/${sizes}`));
      await until(() => log.lines.some(({ message }) => /HttpResponseBodySize/.test(message)));
      log.lines.length = 0;
    }
  });

  it('answers with errors: a status, and no more than the name', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    for (const [name, status, text] of [
      ['timeout', 504, '504 HTTP-response-timeout\n'],
      ['denied', 502, '502 HTTP-request-denied\n'],
      ['internal', 500, '500 internal-error\n'],
      ['unavailable', 503, '503 destination-unavailable\n'],
    ] as const) {
      const response = await get(port, `/outcome/${name}`);
      assert.deepEqual([response.status, response.body.toString()], [status, text]);
    }
  });

  it('sends one request down the chain; others are denied, and the log says what would allow them', async t => {
    const upstream = await startUpstream(t);
    const { port, log } = await rig(t, { endpoints: [upstream.port] });
    assert.equal((await get(port, '/twice')).body.toString(), 'true Err(ErrorCode::HttpRequestDenied)\n');
    assert.equal((await get(port, '/to/elsewhere')).status, 502);
    const warnings = log.at('warn').map(({ message }) => message);
    assert.match(warnings.join('\n'), /denied: a second request down the chain/);
    assert.match(
      warnings.join('\n'),
      /denied: a request to elsewhere \(capabilities: \{upstreams: \[NAME\]\}/,
    );
    assert.ok((await get(port, '/to/test')).status === 200, 'its own authority is the chain');
  });

  it('works on after its response, until its time is up', async t => {
    const { port, log, state } = await rig(t, { endpoints: ['echo'] }, { limits: { pauseTime: 600 } });
    assert.equal((await get(port, '/after')).body.toString(), 'done\n');
    await until(() => log.lines.some(({ message }) => message === 'after the response'));
    await until(() => state.counters.contexts === 0);
    assert.ok(!log.lines.some(({ message }) => message === 'never'));
    assert.equal(state.counters.limitHits.pauseTime, 1);
    assert.equal(log.at('error').length, 0);
  });

  it('sends an interim 100 only when it wants the body', async t => {
    const { port } = await rig(t, { endpoints: ['echo'] });
    const client = await openClient(t, port);
    client.send('POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    const other = await openClient(t, port);
    other.send('POST /count HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n');
    assert.equal((await other.response()).status, 100);
    other.send('hello');
    assert.equal((await other.response()).body.toString(), '5 closed\n');
  });
});
