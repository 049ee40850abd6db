import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createServer, request, type ServerOptions } from 'node:https';
import { type TestContext, test } from 'node:test';
import type { ConnectionInfo } from '../../src/message/info.ts';
import { selfSigned } from '../support/certificate.ts';
import { scriptedChain } from './plugin-chain.ts';
import { closeServer, embed, listen } from './serve.ts';

const server = selfSigned([['CN', 'localhost']], [['dns', 'localhost']]);
const client = selfSigned(
  [
    ['C', 'DE'],
    ['O', 'Müller, Sohn'],
    ['CN', 'client'],
  ],
  [
    ['uri', 'spiffe://example/a,b'],
    ['dns', 'client.example'],
    ['dns', 'second.example'],
    ['uri', 'urn:second'],
  ],
);

/** What filters are told of a connection, once it has closed. */
async function connection(
  t: TestContext,
  options: ServerOptions,
  own: { cert?: string; key?: string },
): Promise<ConnectionInfo> {
  const { chain, streams } = scriptedChain({ onRequestHeaders: () => undefined });
  const embedded = embed(chain);
  const listener = createServer({ ...server, ...options }, (req, res) =>
    embedded.chain.handler((_req, response) => response.end('ok'))(req, res),
  );
  t.after(() => closeServer(listener));
  const port = await listen(listener as never);
  const ask = { port, host: '127.0.0.1', servername: 'localhost', ca: server.cert, agent: false as const };
  await new Promise<void>((resolve, reject) => {
    const req = request({ ...ask, ...own }, res => {
      res.resume();
      res.on('close', resolve);
    });
    req.on('error', reject);
    req.end();
  });
  await closeServer(listener as never);
  return streams[0]![0]!.stream.info.connection;
}

test('with a certificate of the client that was asked for and is good', async t => {
  const options = { requestCert: true, ca: [client.cert] };
  const { certificates, tlsVersion, requestedServerName } = await connection(t, options, client);
  assert.deepEqual([tlsVersion, requestedServerName], ['TLSv1.3', 'localhost']);
  assert.equal(certificates?.verified, true);
  const { peer, local } = certificates!;
  assert.equal(peer?.subject, 'CN=client,O=Müller\\, Sohn,C=DE');
  assert.equal(peer?.dnsName, 'client.example');
  assert.equal(peer?.uri, 'spiffe://example/a,b');
  assert.equal(
    new X509Certificate(peer!.pem).fingerprint256,
    new X509Certificate(client.cert).fingerprint256,
  );
  const digest = new X509Certificate(client.cert).fingerprint256.replaceAll(':', '').toLowerCase();
  assert.equal(peer?.sha256, digest);
  assert.deepEqual([local?.subject, local?.dnsName, local?.uri], ['CN=localhost', 'localhost', '']);
});

test('with one that nobody vouches for', async t => {
  const { certificates } = await connection(t, { requestCert: true, rejectUnauthorized: false }, client);
  assert.equal(certificates?.verified, false);
  assert.equal(certificates?.peer?.dnsName, 'client.example');
});

test('without one', async t => {
  const { certificates } = await connection(t, {}, {});
  assert.equal(certificates?.verified, false);
  assert.equal(certificates?.peer, undefined);
  assert.equal(certificates?.local?.subject, 'CN=localhost');
});
