import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/wait.ts';
import { startTestWeir } from '../support/weir.ts';
import { EAGER } from './harness.ts';
import { parseMetrics } from './resources.ts';

const HANDSHAKE = [
  'GET / HTTP/1.1',
  'Host: a',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '',
  '',
].join('\r\n');
/** A text frame with "hi", masked with zeros. */
const FRAME = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]);

/** By program of host-script: the status line's number, 0 for a connection that just ends. */
const PROGRAMS: readonly (readonly [program: string, reload: number, open: number])[] = [
  ['d!u', 503, 101],
  ['d!x', 503, 101],
  ['d!l', 503, 101],
  ['g!u', 503, 101],
  ['g!X', 503, 101],
  ['da', 418, 418],
  ['ga', 418, 418],
  ['dc', 0, 0],
  ['gc', 0, 0],
  ['d=1', 504, 504],
  ['g=1', 504, 504],
  ['j!u', 101, 101],
  ['k!u', 101, 101],
  ['l!uarc', 101, 101],
];

for (const onFailure of ['reload', 'open'] as const) {
  test(`an Upgrade through a filter that dies, answers, closes, stops, onFailure: ${onFailure}`, async t => {
    for (const [program, reload, open] of PROGRAMS) {
      const { port, running } = await startTestWeir(t, {
        filters: {
          evil: {
            module: 'test/hostile/guests/host-script.wasm',
            env: { P: program },
            onFailure,
            restart: EAGER,
            limits: { pauseTime: '100ms' },
          },
        },
      });
      const client = await RawClient.open(port);
      client.send(HANDSHAKE);
      await until(() => client.received.includes('\r\n\r\n') || client.ended || client.closed, program, 5000);
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(client.received.toString('latin1'))?.[1] ?? 0);
      assert.equal(status, onFailure === 'open' ? open : reload, program);
      if (status === 101) {
        const from = client.received.length;
        client.send(FRAME);
        await until(() => client.received.subarray(from).includes('hi'), `${program}: an echo`, 5000);
      }
      client.close();
      const contexts = async () =>
        parseMetrics(await running.metrics()).get('weir_filter_contexts{filter="evil"}');
      for (let tries = 0; (await contexts()) !== 0; tries++) {
        assert.ok(tries < 100, `${program}: contexts are left`);
        await sleep(5);
      }
    }
  });
}
