import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { type Rig, rig } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';

const [OK, BAD_ARGUMENT] = [0, 2];
const ID = 32;

/** Makes calls with those headers while it handles a request; their statuses and what was sent. */
async function calls(lists: readonly string[][]) {
  const services = new FakeServices();
  const statuses: number[] = [];
  const r: Rig = await rig(
    {
      proxy_on_request_headers: p => {
        for (const headers of lists) {
          const nothing = [0, 0, 0, 0];
          statuses.push(
            p.call('proxy_http_call', ...p.put('auth'), ...p.pairs(headers), ...nothing, 1000, ID),
          );
        }
      },
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start({ capabilities: { ...NO_CAPABILITIES, upstreams: ['auth'] } });
  new Drive(r.chain(plugin)).headers(true).finish();
  plugin.close();
  return { statuses, sent: services.calls.map(call => call.request) };
}

test('proxy_http_call needs :method, :path and :authority; the last may be empty', async () => {
  const [method, path] = [
    [':method', 'GET'],
    [':path', '/'],
  ] as const;
  const { statuses, sent } = await calls([
    [...method, ...path, ':authority', ''],
    [...method, ...path, ':authority', 'auth.example', 'x-a', '1'],
    [...method, ...path],
    [...method, ':authority', 'a'],
    [...path, ':authority', 'a'],
    [...method, ':path', '', ':authority', 'a'],
    [':method', '', ...path, ':authority', 'a'],
    [...method, ...path, ':authority', 'a/b'],
  ]);
  assert.deepEqual(statuses, [OK, OK, ...Array(6).fill(BAD_ARGUMENT)]);
  assert.deepEqual(
    sent.map(({ method, path, authority }) => [method, path, authority]),
    [
      ['GET', '/', ''],
      ['GET', '/', 'auth.example'],
    ],
  );
});
