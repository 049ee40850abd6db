import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOSTCALL_TYPES } from '../../../src/abi/signatures.ts';
import { DENIABLE } from '../../../src/component/filter/denials.ts';
import type { Capabilities } from '../../../src/config/types.ts';
import { ModuleError } from '../../../src/errors.ts';
import { CALLBACKS } from '../../../src/plugin/callbacks.ts';
import { NO_CAPABILITIES } from '../../../src/plugin/capabilities.ts';
import { settle } from '../../support/guest.ts';
import { Drive, FakeExchange } from '../../support/guest-exchange.ts';
import { FakeServices } from '../../support/services.ts';
import { puppet, ROADS, SERVICE_PUPPET } from '../support.ts';

const deny = (hostcalls: readonly string[], callbacks: readonly string[] = []): Capabilities => ({
  ...NO_CAPABILITIES,
  upstreams: ['auth'],
  sharedData: true,
  hostcalls: { deny: [...hostcalls] },
  callbacks: { deny: [...callbacks] },
});

/** All but the one by which the puppets say what came of it. */
const ALL = [...DENIABLE].filter(name => name !== 'proxy_log');

/** Steps of a puppet's request headers, and what comes of them when everything is denied. */
const STREAM: Readonly<Record<string, string>> = {
  level: 'LogLevel::Critical',
  'size request-headers': 'Err(unavailable)',
  'entries request-headers': 'unavailable',
  'get request-headers a': 'None',
  'set request-headers a 2': 'Err(unavailable)',
  'append request-headers a 2': 'Err(unavailable)',
  'remove request-headers a': 'Err(unavailable)',
  'clear request-headers': 'Err(unavailable)',
  'read request 0 10': 'unavailable',
  'write request 0 0 x': 'Err(unavailable)',
  'property request%00path': 'None',
  'set-property mine x': 'Err(unavailable)',
  'resume request': 'Err(unavailable)',
  'close request': 'Err(unavailable)',
  done: 'Err(unavailable)',
  'effective-own': 'Err(unavailable)',
  'answer 403': 'Err(unavailable)',
};
const SERVICES: Readonly<Record<string, string>> = {
  'http auth GET / a': 'Err(denied)',
  'grpc auth s m x': 'Err(denied)',
  'grpc-stream auth s m': 'Err(denied)',
  'grpc-send 1 x': 'Err(denied)',
  'grpc-close 1': 'Err(denied)',
  'grpc-cancel 1': 'Err(denied)',
  'field-size headers': 'Err(unavailable)',
  'fields headers': 'unavailable',
  'field headers a': 'None',
  'bytes body 0 10': 'unavailable',
  status: '0 ',
  'data k': 'Err(denied)',
  'set-data k v 0': 'Err(denied)',
  'queue q': 'Err(denied)',
  'resolve vm q': 'Err(denied)',
  'enqueue 1 x': 'Err(denied)',
  'dequeue 1': 'Err(denied)',
  'define counter c': 'Err(denied)',
  'record 1 1': 'Err(denied)',
  'add 1 1': 'Err(denied)',
  'metric 1': 'Err(denied)',
  'foreign upper x': 'Err(denied)',
};

test('what can be denied to components are hostcalls of the ABI', () => {
  const known = Object.keys(HOSTCALL_TYPES['0.2.1']);
  assert.deepEqual(
    known.filter(name => !DENIABLE.has(name)),
    // What has no counterpart: the size is an argument, the clock is WASI's.
    ['proxy_get_current_time_nanoseconds', 'proxy_get_buffer_status'],
  );
  assert.deepEqual(
    [...DENIABLE].filter(name => !known.includes(name)),
    [],
  );
});

for (const { road, straight } of ROADS) {
  describe(`denied to components, ${road}`, () => {
    for (const [name, steps, file] of [
      ['of streams', STREAM, undefined],
      ['beyond them', SERVICES, SERVICE_PUPPET],
    ] as const) {
      test(`every hostcall ${name}: none of them is run, each is told once`, async () => {
        const services = new FakeServices();
        services.foreignFunctions.set('upper', args => args);
        // More than 64 requests in the making would be too many.
        const more = file === undefined ? [] : ['tick 1', ...Array<string>(70).fill('http auth GET / a')];
        const { chain, plugin, said, log } = await puppet(
          [...Object.keys(steps), ...more].map(step => `request-headers ${step}`),
          { straight, services, ...(file && { file }), capabilities: deny(ALL) },
        );
        const drive = new Drive(chain, new FakeExchange(['a', '1'])).headers(true);
        await settle();
        assert.deepEqual(drive.take(), ['> headers end']);
        assert.deepEqual(drive.exchange.requestHeaders.raw, ['a', '1']);
        const warned = log.lines.filter(({ level }) => level === 'warn').map(({ message }) => message);
        assert.equal(new Set(warned).size, warned.length);
        assert.ok(
          warned.length >= 15 && warned.every(text => text.startsWith('denied: the hostcall proxy_')),
        );
        const lines = said().filter(text => text.startsWith('request-headers'));
        assert.deepEqual(
          lines.slice(0, Object.keys(steps).length),
          Object.entries(steps).map(([step, came]) => `request-headers ${step}: ${came}`),
        );
        assert.deepEqual([services.calls.length, services.grpcCalls.length, services.data.size], [0, 0, 0]);
        assert.deepEqual([services.queues.length, services.cells.length], [0, 0]);
        drive.finish();
        plugin.close();
      });
    }

    test('one hostcall, and not its neighbours', async () => {
      const { chain, plugin, said } = await puppet(
        ['request-headers set-data k v 0', 'request-headers data k', 'request-headers queue q'],
        {
          straight,
          file: SERVICE_PUPPET,
          services: new FakeServices(),
          capabilities: deny(['proxy_set_shared_data']),
        },
      );
      new Drive(chain).headers(true).finish();
      assert.deepEqual(
        said().filter(text => text.startsWith('request-headers')),
        [
          'request-headers set-data k v 0: Err(denied)',
          'request-headers data k: Ok(None)',
          'request-headers queue q: Ok(1)',
        ],
      );
      plugin.close();
    });

    test('callbacks: they are not called, and their phases pass the filter by', async () => {
      const kept = [
        'proxy_on_context_create',
        'proxy_on_delete',
        'proxy_on_configure',
        'proxy_on_response_body',
      ];
      const services = new FakeServices();
      const { chain, plugin, said } = await puppet(
        [
          'trace',
          'configure http auth GET / a',
          'request-headers current',
          'request-body current',
          'response-body current',
          'log current',
        ],
        {
          straight,
          file: SERVICE_PUPPET,
          services,
          capabilities: deny(
            [],
            CALLBACKS.filter(name => !kept.includes(name)),
          ),
        },
      );
      const drive = new Drive(chain, new FakeExchange([], 'POST')).headers().data('a', true);
      drive.responseHeaders(200).responseData('b', true);
      await settle();
      services.calls[0]!.handler.onHeaders(200, []);
      services.calls[0]!.handler.onEnd([]);
      drive.finish();
      assert.deepEqual(said(), ['configure http auth GET / a: Ok(1)', 'response-body current: true']);
      assert.equal(plugin.counters.contexts, 0);
      plugin.close();
    });

    test('what can not be denied to a component is refused, with its name', async () => {
      for (const [hostcalls, callbacks, name] of [
        [['proxy_get_buffer_status', 'proxy_log'], [], 'proxy_get_buffer_status'],
        [[], ['proxy_on_delete', 'proxy_on_tick'], 'proxy_on_delete'],
      ] as const) {
        await assert.rejects(
          puppet([], { straight, capabilities: deny(hostcalls, callbacks) }),
          (error: unknown) =>
            error instanceof ModuleError &&
            error.code === 'MODULE_UNSUPPORTED' &&
            error.message === `capabilities deny what can't be denied to a component: ${name} (remove it)`,
        );
      }
    });
  });
}
