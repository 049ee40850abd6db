import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Status } from '../../../src/abi/types.ts';
import { NO_CAPABILITIES } from '../../../src/plugin/capabilities.ts';
import { type OptionOverrides, pluginOptions, settle } from '../../support/guest.ts';
import { Drive } from '../../support/guest-exchange.ts';
import { FakeServices } from '../../support/services.ts';
import { until } from '../../support/wait.ts';
import { compiledFile, puppet, ROADS, SERVICE_PUPPET, type Started } from '../support.ts';

const GRANTED = { ...NO_CAPABILITIES, upstreams: ['auth'], sharedData: true };
const LONG = 'x'.repeat(600);

interface Case {
  readonly name: string;
  /** Steps of the request headers, but for those that begin with another callback's name. */
  readonly script: readonly string[];
  readonly options?: OptionOverrides;
  readonly prepare?: (services: FakeServices) => void;
  /** What came of each step, in order. */
  readonly says: readonly string[];
  readonly check?: (services: FakeServices, started: Started) => void;
}

const CASES: readonly Case[] = [
  {
    name: 'contexts: the current one',
    script: ['current'],
    says: ['true'],
  },
  {
    name: 'http-calls: a request as it was put together',
    script: [
      'http auth POST /check?a=1 auth.example h:X-One=%ff h:x-two=2 t:x-trailer=last b:body%00 timeout:250',
      'http auth GET / a',
    ],
    says: ['Ok(1)', 'Ok(2)'],
    check({ calls: [first, second] }) {
      const { upstream, request, body, trailers } = first!;
      const { method, path, authority, headers, length, timeouts } = request;
      assert.deepEqual(
        [upstream, method, path, authority, length],
        ['auth', 'POST', '/check?a=1', 'auth.example', -1],
      );
      assert.deepEqual(headers, ['x-one', '\xff', 'x-two', '2']);
      assert.deepEqual([Buffer.concat(body).toString(), trailers], ['body\0', ['x-trailer', 'last']]);
      assert.equal(timeouts.firstByte, 250);
      assert.deepEqual([second!.request.length, second!.request.timeouts.firstByte], [0, undefined]);
    },
  },
  {
    name: 'http-calls: what is refused',
    script: [
      'http other GET / a',
      `http ${LONG} GET / a`,
      'http  GET / a',
      'http auth  / a',
      'http auth GET  a',
      'http auth GET / %0a',
      `http auth GET / ${'a'.repeat(2001)}`,
      'http auth G%20T / a',
      'http auth GET /%20 a',
      'http auth GET / a%20b',
      'http auth GET / a h:bad%20name=x',
      'http auth GET / a h:x=%0a',
      'http auth GET / a h:%3apath=/other',
      'http auth GET / a t:bad%20name=x',
      'http auth GET / a timeout:2147483648',
      'http auth POST / a big:1025',
      'http auth POST / a big:1024',
      'http auth GET / a many:11',
      'http auth GET / ',
    ],
    options: { limits: { headerCount: 10, headerBytes: 2000 } },
    says: [
      'Err(denied)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument) Ok(1)',
      'Err(bad-argument) Ok(2)',
      'Err(bad-argument) Ok(3)',
      'Err(bad-argument) Ok(4)',
      'Err(bad-argument) Ok(5)',
      'Err(limit-reached) Ok(6)',
      'Ok(7)',
      'Err(limit-reached) Ok(8)',
      'Ok(9)',
    ],
    check({ calls }, { plugin, log }) {
      assert.equal(calls.length, 9);
      assert.deepEqual(plugin.counters.limitHits.bufferedBody, 1);
      assert.equal(plugin.counters.limitHits.headerCount, 1);
      assert.ok(
        log.texts.some(text => text.includes('other')),
        log.texts.join('\n'),
      );
    },
  },
  {
    name: 'http-calls, grpc-calls: so many at a time',
    script: [
      'http auth GET / a',
      'grpc auth s m x',
      'http auth GET / a',
      'grpc auth s m x',
      'grpc-stream auth s m',
    ],
    options: { limits: { calls: 2 } },
    says: ['Ok(1)', 'Ok(2)', 'Err(limit-reached)', 'Err(limit-reached)', 'Err(limit-reached)'],
  },
  {
    name: 'grpc-calls: a call, a stream',
    script: [
      'grpc auth test.Service Unary %00%ff m:X-Key=1 m:x-b-bin=AP8= timeout:500',
      'grpc-stream auth test.Service Echo m:x-key=2',
      'grpc-send 2 one',
      'grpc-send 2 two end',
      'grpc-send 2 late',
      'grpc-send 1 more',
      'grpc-send 9 x',
      'grpc-close 9',
      'grpc-cancel 9',
      'grpc-cancel 2',
      'grpc-cancel 2',
      'grpc-stream auth test.Service Echo',
      'grpc-close 3',
      'grpc-close 1',
    ],
    says: [
      'Ok(1)',
      'Ok(2)',
      'Ok(())',
      'Ok(())',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(not-found)',
      'Err(not-found)',
      'Err(not-found)',
      'Ok(())',
      'Err(not-found)',
      'Ok(3)',
      'Ok(())',
      'Ok(())',
    ],
    check({ grpcCalls: [first, second, third] }) {
      const { service, method, metadata, timeout } = first!.request;
      assert.deepEqual([first!.upstream, service, method, timeout], ['auth', 'test.Service', 'Unary', 500]);
      assert.deepEqual(metadata, ['x-key', '1', 'x-b-bin', 'AP8=']);
      assert.deepEqual([first!.sent, first!.cancelled], [[Buffer.from([0, 255])], true]);
      assert.deepEqual(second!.sent.map(String), ['one', 'two']);
      assert.deepEqual([second!.ended, second!.cancelled, second!.request.timeout], [true, true, undefined]);
      assert.deepEqual([third!.ended, third!.cancelled], [true, false]);
    },
  },
  {
    name: 'grpc-calls: what is refused',
    script: [
      'grpc other s m x',
      `grpc ${LONG} s m x`,
      'grpc auth bad%2fname m x',
      'grpc auth s  x',
      'grpc auth s m x m:bad%20name=x',
      'grpc auth s m x timeout:4294967295',
      'grpc-big auth s m 1025',
      'grpc-stream auth s m',
      'grpc-send-big 3 1025',
      'grpc-send-big 3 1024',
    ],
    says: [
      'Err(denied)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument) Ok(1)',
      'Err(bad-argument) Ok(2)',
      'Err(limit-reached)',
      'Ok(3)',
      'Err(limit-reached)',
      'Ok(())',
    ],
  },
  {
    name: 'grpc-calls: an upstream that is not there, more than may wait',
    script: ['grpc-stream auth s m', 'grpc-send 1 x', 'grpc auth s m x'],
    prepare(services) {
      const { open } = services.grpc;
      services.grpc.open = (...args) => {
        if (services.grpcCalls.length > 0) return undefined;
        const call = open(...args)!;
        services.grpcCalls[0]!.buffered = 1024;
        return call;
      };
    },
    says: ['Ok(1)', 'Err(limit-reached)', 'Err(not-found)'],
  },
  {
    name: 'answers: nothing is told now',
    script: [
      'field-size headers',
      'fields grpc-initial',
      'field trailers x',
      'bytes body 0 10',
      'bytes message 0 1',
      'status',
    ],
    says: ['Err(unavailable)', 'unavailable', 'None', 'unavailable', 'unavailable', '0 '],
  },
  {
    name: 'shared-data: reading, writing, versions',
    script: [
      'data none',
      'set-data k%c3%bc one 0',
      'data k%c3%bc',
      'set-data k%c3%bc two 1',
      'set-data k%c3%bc three 1',
      'set-data new x 7',
      'data k%c3%bc',
      'set-data empty  0',
      'data empty',
      'increment count',
      'increment count',
      'data-long-key',
    ],
    says: [
      'Ok(None)',
      'Ok(())',
      'one 1',
      'Ok(())',
      'Err(cas-mismatch)',
      'Err(cas-mismatch)',
      'two 2',
      'Ok(())',
      ' 1',
      'Ok(1)',
      'Ok(2)',
      'Ok(false) Err(bad-argument)',
    ],
    check({ data }) {
      // As modules have it: a byte a character.
      assert.equal(String(data.get('\0k\xc3\xbc')?.value), 'two');
    },
  },
  {
    name: 'shared-data, shared-queues: limits',
    script: [
      'set-data-big big 1001',
      'set-data-big big 900',
      'set-data-big more 900',
      'queue q',
      'enqueue-big 1 1001',
      'enqueue 1 a',
      'enqueue 1 b',
    ],
    options: { limits: { sharedDataBytes: 1000, queueLength: 1 } },
    says: [
      'Err(limit-reached)',
      'Ok(())',
      'Err(limit-reached)',
      'Ok(1)',
      'Err(limit-reached)',
      'Ok(())',
      'Err(limit-reached)',
    ],
    check(_, { plugin }) {
      const { sharedDataBytes, queueLength } = plugin.counters.limitHits;
      assert.deepEqual([sharedDataBytes, queueLength], [3, 1]);
    },
  },
  {
    name: 'shared-data, shared-queues: not granted',
    script: ['data k', 'set-data k v 0', 'queue q', 'resolve vm q', 'enqueue 1 v', 'dequeue 1'],
    options: { capabilities: NO_CAPABILITIES },
    says: Array(6).fill('Err(denied)'),
    check({ data, queues }) {
      assert.deepEqual([data.size, queues.length], [0, 0]);
    },
  },
  {
    name: 'shared-data, shared-queues: the store is away',
    script: ['data k', 'set-data k v 0', 'queue q', 'enqueue 1 v', 'dequeue 1'],
    prepare(services) {
      services.away = true;
    },
    says: Array(5).fill('Err(unavailable)'),
  },
  {
    name: 'shared-queues: values go through',
    script: [
      'resolve me q',
      'queue q',
      'queue q',
      'resolve me q',
      'resolve me other',
      'enqueue 1 one%00',
      'enqueue 1 ',
      'enqueue 9 x',
      'dequeue 1',
      'dequeue 1',
      'dequeue 1',
      'dequeue 9',
    ],
    options: { vmId: 'me' },
    says: [
      'Err(not-found)',
      'Ok(1)',
      'Ok(1)',
      'Ok(1)',
      'Err(not-found)',
      'Ok(())',
      'Ok(())',
      'Err(not-found)',
      'Ok(Some("one%00"))',
      'Ok(Some(""))',
      'Ok(None)',
      'Err(not-found)',
    ],
  },
  {
    name: 'metrics',
    script: [
      'define counter hits',
      'define gauge level',
      'define histogram times',
      'define counter hits',
      'define gauge hits',
      'define counter ',
      'define-long',
      'define counter fourth',
      'record 1 5',
      'add 1 2',
      'add 1 -1',
      'metric 1',
      'record 2 18446744073709551615',
      'metric 2',
      'add 2 -9223372036854775808',
      'metric 2',
      'record 3 7',
      'add 3 1',
      'metric 3',
      'record 9 1',
      'add 9 1',
      'metric 9',
    ],
    options: { limits: { metrics: 3 } },
    says: [
      'Ok(1)',
      'Ok(2)',
      'Ok(3)',
      'Ok(1)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Ok(())',
      'Ok(())',
      'Err(bad-argument)',
      'Ok(7)',
      'Ok(())',
      'Ok(18446744073709551615)',
      'Ok(())',
      'Ok(9223372036854775807)',
      'Ok(())',
      'Err(bad-argument)',
      'Err(bad-argument)',
      'Err(not-found)',
      'Err(not-found)',
      'Err(not-found)',
    ],
    check({ cells }) {
      assert.deepEqual(cells[2]!.observed, [7n]);
    },
  },
  {
    name: 'foreign-functions',
    script: [
      'foreign upper abc%00',
      'foreign none x',
      'foreign empty x',
      'foreign ok x',
      'foreign bad x',
      'foreign throws x',
      'foreign huge x',
      'foreign-long',
      'foreign-big upper 1025',
      'foreign-big upper 1024',
    ],
    prepare({ foreignFunctions }) {
      foreignFunctions.set('upper', args => Buffer.from(args.toString('latin1').toUpperCase(), 'latin1'));
      foreignFunctions.set('empty', () => new Uint8Array(0));
      foreignFunctions.set('ok', () => Status.OK);
      foreignFunctions.set('bad', () => Status.PARSE_FAILURE);
      foreignFunctions.set('huge', () => new Uint8Array(1025));
      foreignFunctions.set('throws', () => {
        throw new Error('broken');
      });
    },
    says: [
      'Ok("ABC%00")',
      'Err(not-found)',
      'Ok("")',
      'Ok("")',
      'Err(bad-argument)',
      'Err(unavailable)',
      'Err(bad-argument)',
      'Err(not-found)',
      'Err(limit-reached)',
      'Ok(1024)',
    ],
  },
];

async function start(
  t: TestContext,
  straight: boolean,
  script: readonly string[],
  services: FakeServices,
  options: OptionOverrides = {},
): Promise<Started> {
  const started = await puppet(script, {
    straight,
    file: SERVICE_PUPPET,
    services,
    capabilities: GRANTED,
    ...options,
  });
  t.after(() => started.plugin.close());
  return started;
}

for (const { road, straight } of ROADS) {
  describe(`hostcalls of components beyond their streams, ${road}`, () => {
    for (const { name, script, options, prepare, says, check } of CASES) {
      test(name, async t => {
        const services = new FakeServices();
        prepare?.(services);
        const steps = script.map(step => `request-headers ${step}`);
        const started = await start(t, straight, steps, services, options);
        const drive = new Drive(started.chain).headers(true);
        assert.deepEqual(drive.take(), ['> headers end']);
        const lines = started.log.lines.filter(line => line.level === 'info').length;
        assert.equal(lines, script.length, started.log.texts.join('\n'));
        check?.(services, started);
        const said = started.said().filter(text => text.startsWith('request-headers '));
        assert.deepEqual(
          said.map((text, i) => text.replace(`${steps[i]}: `, '')),
          says,
        );
        drive.finish();
      });
    }
  });

  describe(`events of components, ${road}`, () => {
    test('the answer of an HTTP call, which can be read and resumes its stream', async t => {
      const services = new FakeServices();
      const { chain, said } = await start(
        t,
        straight,
        [
          'trace',
          'configure http auth GET /early a',
          'request-headers http auth GET /check a',
          'request-headers pause',
          'http-call field-size headers',
          'http-call fields headers',
          'http-call field headers X-Got',
          'http-call field trailers x-trailer',
          'http-call bytes body 1 3',
          'http-call bytes message 0 1',
          'http-call status',
          'http-call resume-with x-auth body',
        ],
        services,
      );
      const drive = new Drive(chain).headers(true);
      assert.deepEqual(drive.take(), []);
      said();
      const { handler } = services.calls[1]!;
      handler.onHeaders(204, ['X-Got', 'yes\xff']);
      handler.onData(Buffer.from('body'));
      handler.onEnd(['x-trailer', 'last']);
      await settle();
      assert.deepEqual(said(), [
        'http-call 2 2 4 1',
        'http-call field-size headers: Ok(2)',
        'http-call fields headers: :status=204 x-got=yes%ff',
        'http-call field headers X-Got: Some("yes%ff")',
        'http-call field trailers x-trailer: Some("last")',
        'http-call bytes body 1 3: 3 bytes ody',
        'http-call bytes message 0 1: unavailable',
        'http-call status: 204 ',
        'http-call resume-with x-auth body: (Ok(()), Ok(()), Ok(()))',
      ]);
      assert.deepEqual(drive.take(), ['> headers end']);
      assert.equal(drive.exchange.requestHeaders.get('x-auth'), 'body');
      drive.finish();
    });

    test('HTTP calls that fail, and that end with their stream', async t => {
      const services = new FakeServices();
      const { chain, said } = await start(
        t,
        straight,
        [
          'trace',
          'configure http auth GET /early a',
          'request-headers http auth GET /check a',
          'request-headers pause',
          'http-call status',
        ],
        services,
      );
      const drive = new Drive(chain).headers(true);
      said();
      drive.finish();
      assert.equal(services.calls[1]!.aborted, true);
      const lines: string[] = [];
      await until(() => lines.push(...said()) >= 2, 'the event');
      assert.deepEqual(lines, ['http-call 2 0 0 0', 'http-call status: 9 its stream ended']);
    });

    test('a gRPC stream, message by message', async t => {
      const services = new FakeServices();
      const { said } = await start(
        t,
        straight,
        [
          'trace',
          'configure grpc-stream auth s m',
          'configure grpc auth s m x',
          'grpc-initial fields grpc-initial',
          'grpc-message bytes message 0 4294967295',
          'grpc-trailing field grpc-trailing X-Told',
          'grpc-close status',
        ],
        services,
      );
      said();
      const [stream, call] = services.grpcCalls;
      stream!.handler.onInitialMetadata(['x-told', 'initial']);
      stream!.handler.onMessage(Buffer.from([0, 255]));
      stream!.handler.onTrailingMetadata(['x-told', 'trailing']);
      stream!.handler.onClose(9, 'nicht möglich');
      call!.handler.onMessage(Buffer.from('answer'));
      call!.handler.onClose(0, '');
      assert.deepEqual(said(), [
        'grpc-initial 1 1',
        'grpc-initial fields grpc-initial: x-told=initial',
        'grpc-message 1 2',
        'grpc-message bytes message 0 4294967295: 2 bytes %00%ff',
        'grpc-trailing 1 1',
        'grpc-trailing field grpc-trailing X-Told: Some("trailing")',
        'grpc-close 1 9',
        'grpc-close status: 9 nicht möglich',
        'grpc-message 2 6',
        'grpc-message bytes message 0 4294967295: 6 bytes answer',
      ]);
    });

    test('ticks, queues and foreign functions', async t => {
      const services = new FakeServices();
      services.foreignFunctions.set('later', (args, caller) => {
        caller.callBack(7, args);
        return new Uint8Array(0);
      });
      const { said } = await start(
        t,
        straight,
        [
          'trace',
          'configure queue q',
          'configure enqueue 1 value',
          'configure foreign later arguments',
          'configure tick 1',
          'tick tick 0',
          'queue dequeue 1',
          'foreign bytes arguments 3 100',
        ],
        services,
      );
      const lines: string[] = [];
      await until(() => {
        lines.push(...said());
        return ['tick', 'queue 1', 'foreign 7 9'].every(line => lines.includes(line));
      }, 'all events');
      assert.ok(lines.includes('queue dequeue 1: Ok(Some("value"))'), lines.join('\n'));
      assert.ok(lines.includes('foreign bytes arguments 3 100: 6 bytes uments'), lines.join('\n'));
      assert.equal(lines.filter(line => line === 'tick').length, 1);
    });

    test('plugins that share a VM hear of their own', async t => {
      const services = new FakeServices();
      const script = ['trace', 'configure http auth GET / a', 'http-call status'];
      const first = await start(t, straight, script, services, { vmId: 'shared' });
      const second = first.registry.start(
        await compiledFile(SERVICE_PUPPET),
        pluginOptions({
          name: 'second',
          vmId: 'shared',
          capabilities: GRANTED,
          config: Buffer.from('configure http auth GET / a\nhttp-call field-size headers'),
        }),
      );
      t.after(() => second.close());
      assert.deepEqual(second.vms(), first.plugin.vms());
      first.said();
      for (const { handler } of services.calls) {
        handler.onHeaders(200, []);
        handler.onEnd([]);
      }
      assert.deepEqual(first.said(), [
        'http-call 1 1 0 0',
        'http-call status: 200 ',
        'http-call field-size headers: Ok(1)',
      ]);
    });

    test('a VM that dies of an event takes its calls and queues with it', async t => {
      const services = new FakeServices();
      const { chain, plugin, log } = await start(
        t,
        straight,
        [
          'configure queue q',
          'configure grpc-stream auth s m',
          'configure http auth GET /first a',
          'configure http auth GET /second a',
          'configure tick 60000',
          'request-headers pause',
          'http-call trap',
        ],
        services,
      );
      const drive = new Drive(chain).headers(true);
      services.calls[0]!.handler.onHeaders(200, []);
      services.calls[0]!.handler.onEnd([]);
      await settle();
      assert.equal(drive.exchange.failure?.status, 503);
      assert.deepEqual(
        [services.calls[1]!.aborted, services.grpcCalls[0]!.cancelled, services.queues[0]!.receivers.length],
        [true, true, 0],
      );
      assert.equal(plugin.counters.calls, 0);
      assert.equal(plugin.counters.traps, 1);
      assert.ok(
        log.texts.some(text => text.includes('proxy_on_http_call_response: trap')),
        log.texts.join('\n'),
      );
      // What comes late does no harm.
      services.calls[1]!.handler.onEnd([]);
      services.grpcCalls[0]!.handler.onMessage(Buffer.from('late'));
    });

    test('requests in the making are bounded, and let go', async t => {
      const services = new FakeServices();
      const { chain, log } = await start(
        t,
        straight,
        [
          'configure http-keep 64',
          'configure http-drop',
          'configure http-keep 64',
          'configure grpc-keep 64',
          'request-headers http-keep 1',
        ],
        services,
      );
      const drive = new Drive(chain).headers(true);
      assert.equal(drive.exchange.failure?.status, 503);
      assert.ok(log.texts.some(text => text.includes('more than 64 HTTP requests that were')));
    });
  });
}
