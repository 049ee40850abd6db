import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { assertRefused, assertStarts, shipped } from '../support/shipped.ts';
import { openPeer } from '../support/tcp-proxy.ts';
import { until } from '../support/wait.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

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

// A key that both know: no certificate is needed.
const key = Buffer.alloc(16, 7);
const CLIENT = {
  pskCallback: () => ({ psk: key, identity: 'client' }),
  checkServerIdentity: () => undefined,
};
const COMMON = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;

/** A TLS server behind a listener with the filter; the server says which name it was asked for. */
async function start(t: TestContext, config: object): Promise<TestWeir> {
  const server = createServer({ ...COMMON, pskCallback: () => key }, socket => {
    socket.on('error', () => {});
    socket.write(`hello, you asked for ${socket.servername || 'nobody'}`);
    socket.pipe(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  return await startTestWeir(t, {
    filters: { sni: shipped('tcp-sni', config) },
    listeners: [{ address: '127.0.0.1:0', protocol: 'tcp', upstream: 'app', filters: ['sni'] }],
    upstreams: [port],
  });
}

interface Client {
  readonly socket: TLSSocket;
  text: string;
  over: boolean;
}

function open(t: TestContext, port: number, servername: string): Client {
  const socket = connect({ ...COMMON, ...CLIENT, host: '127.0.0.1', port, servername });
  const client: Client = { socket, text: '', over: false };
  socket.on('data', data => {
    client.text += data.toString();
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    client.over = true;
  });
  t.after(() => socket.destroy());
  return client;
}

describe('tcp-sni in front of a TLS server', () => {
  it('passes connections to names that are allowed, undecrypted', async t => {
    const { port, log } = await start(t, { allow: ['a.example', '*.b.example'] });
    for (const name of ['a.example', 'www.b.example']) {
      const client = open(t, port, name);
      await until(() => client.text === `hello, you asked for ${name}`, `an answer for ${name}`);
      client.socket.write('!');
      await until(() => client.text.endsWith('!'));
    }
    assert.ok(log.at('info').some(line => /127\.0\.0\.1:\d+ asks for www\.b\.example/.test(line.message)));
  });

  it('closes the others: other names, none, and what is no TLS', async t => {
    const { port, log } = await start(t, { allow: ['a.example'] });
    for (const name of ['b.example', '']) {
      const client = open(t, port, name);
      await until(() => client.over, `the end of a connection to ${name}`);
      assert.equal(client.text, '');
    }
    const plain = (await openPeer(t, port)).send('GET / HTTP/1.1\r\n\r\n');
    await plain.untilEnded();
    assert.equal(plain.text, '');
    assert.ok(log.at('info').some(line => /closed: no TLS handshake/.test(line.message)));
  });

  it('a ClientHello that comes a byte at a time', async t => {
    const { port } = await start(t, { allow: ['a.example'] });
    const hello = await new Promise<Buffer>(resolve => {
      const socket = connect({ ...COMMON, ...CLIENT, servername: 'a.example', socket: capture(resolve) });
      socket.on('error', () => {});
    });
    const client = await openPeer(t, port);
    for (const byte of hello) {
      client.socket.write(Buffer.of(byte));
      await new Promise(resolve => setImmediate(resolve));
    }
    // The server's answer to it: a handshake record.
    await until(() => client.received.length > 0, 'an answer');
    assert.equal(client.received[0], 22);
  });
});

/** A connection that leads nowhere: tells the first thing that is written to it. */
function capture(done: (bytes: Buffer) => void): Duplex {
  return new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      done(chunk);
      callback();
    },
  });
}
