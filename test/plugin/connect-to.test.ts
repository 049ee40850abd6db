import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Status } from '../../src/abi/types.ts';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import { type Puppet, rig } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';
import { FakeServices } from '../support/services.ts';
import { TcpDrive } from '../support/tcp-exchange.ts';

test('a foreign function sends a connection only to upstreams that were granted; requests are none', async () => {
  const services = new FakeServices(
    new Map([['connect_to', (args, by) => by.connectTo(args.toString()) || Buffer.alloc(0)]]),
  );
  const statuses: number[] = [];
  const r = await rig(
    {
      proxy_on_request_headers: p => {
        for (const name of ['granted', 'other'])
          statuses.push(
            p.call('proxy_call_foreign_function', ...p.put('connect_to'), ...p.put(name), 32, 36),
          );
      },
    },
    {},
    undefined,
    services,
  );
  const plugin = r.start({ capabilities: { ...NO_CAPABILITIES, upstreams: ['granted'] } });
  new Drive(r.chain(plugin)).headers(true).finish();
  assert.deepEqual(statuses, [Status.NOT_FOUND, Status.BAD_ARGUMENT]);
  assert.equal(r.log.texts.filter(text => /denied/.test(text)).length, 1);
  plugin.close();
});

test('a TCP connection goes where a filter sends it, until it is connected', async () => {
  const services = new FakeServices(
    new Map([['connect_to', (args, by) => by.connectTo(args.toString()) || Buffer.alloc(0)]]),
  );
  const statuses: number[] = [];
  const ask = (p: Puppet) => {
    for (const name of ['granted', 'other'])
      statuses.push(p.call('proxy_call_foreign_function', ...p.put('connect_to'), ...p.put(name), 32, 36));
  };
  const r = await rig(
    { proxy_on_new_connection: ask, proxy_on_downstream_data: ask },
    {},
    undefined,
    services,
  );
  const plugin = r.start({ capabilities: { ...NO_CAPABILITIES, upstreams: ['granted'] } });
  const d = new TcpDrive(r, plugin).start().down('x');
  assert.deepEqual(d.events, ['to granted', 'connect', '> x']);
  assert.deepEqual(statuses, [Status.OK, Status.BAD_ARGUMENT, Status.NOT_FOUND, Status.BAD_ARGUMENT]);
});
