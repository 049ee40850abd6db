import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { openClient } from '../support/fixtures.ts';
import { type Op, probe, STATUS, value } from '../support/probe.ts';
import { header, request } from '../support/raw-client.ts';
import { startTestWeir } from '../support/weir.ts';

const { ok, badArgument } = STATUS;

describe('23. gRPC', () => {
  const call = async (t: Parameters<typeof openClient>[0], local: Op, type = 'application/grpc') => {
    const { port, log } = await startTestWeir(t, { filters: { a: probe({ requestHeaders: [local] }) } });
    const response = await request(
      port,
      `POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: 0\r\n\r\n`,
    );
    return { response, status: value(log, 'requestHeaders', 'local') !== undefined ? ok : badArgument };
  };

  it('gRPC requests get trailers-only replies: 200, status and message as fields, no body', async t => {
    for (const type of ['application/grpc', 'application/grpc+proto', 'Application/gRPC; x=1']) {
      const { response } = await call(t, ['local', 403, 'not for you, 100%', [['x-why', '1']], 7], type);
      assert.equal(response.status, 200);
      assert.equal(response.body.length, 0);
      assert.equal(header(response, 'grpc-status'), '7');
      assert.equal(header(response, 'grpc-message'), 'not for you, 100%25');
      assert.equal(header(response, 'content-type'), 'application/grpc');
      assert.equal(header(response, 'x-why'), '1');
    }
  });

  for (const [grpc, expected] of [
    [-1, '7'],
    [17, '7'],
    [99, '7'],
    [0, '0'],
    [16, '16'],
    [-2147483648, '7'],
  ] as const) {
    it(`grpc_status ${grpc}${expected === '7' ? ' means absent: it follows from the HTTP status' : ''}`, async t => {
      const { response } = await call(t, ['local', 403, '', [], grpc]);
      assert.equal(header(response, 'grpc-status'), expected);
    });
  }

  it('other requests get no gRPC fields, whatever the status', async t => {
    for (const type of ['text/plain', 'application/grpc-web', 'application/json']) {
      const { response, status } = await call(t, ['local', 403, 'no', [], 7], type);
      assert.equal(status, ok);
      assert.equal(response.status, 403);
      assert.equal(header(response, 'grpc-status'), undefined);
      assert.equal(response.body.toString(), 'no');
    }
  });
});
