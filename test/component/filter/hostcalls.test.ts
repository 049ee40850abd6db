import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FilterLimits } from '../../../src/config/types.ts';
import type { RawFields } from '../../../src/message/fields.ts';
import { settle } from '../../support/guest.ts';
import { Drive, FakeExchange } from '../../support/guest-exchange.ts';
import { puppet, ROADS } from '../support.ts';

/** One whole POST with bodies and trailers both ways through the puppet. */
interface Case {
  readonly name: string;
  readonly script: readonly string[];
  readonly request?: RawFields;
  readonly limits?: Partial<FilterLimits>;
  /** What the puppet logs. */
  readonly says: readonly string[];
  /** What reaches both ends; left out: as it was sent. */
  readonly events?: readonly string[];
  readonly requestHeaders?: RawFields;
  readonly responseHeaders?: RawFields;
}

const PASSED = ['> headers', '> request body', '> trailers', '< 200', '< response body', '< trailers'];

const CASES: readonly Case[] = [
  {
    name: 'callbacks, in order, with their numbers',
    script: ['trace'],
    request: ['a', '1'],
    says: [
      'request-headers 5 false',
      'request-body 12 false',
      'request-trailers 1 true',
      'response-headers 2 false',
      'response-body 13 false',
      'response-trailers 1 true',
    ],
  },
  {
    name: 'headers: reading',
    script: [
      'request-headers size request-headers',
      'request-headers get request-headers A',
      'request-headers get request-headers :path',
      'request-headers get request-headers nope',
      'request-headers get request-headers %20',
      'request-headers get response-headers a',
      'request-headers size response-headers',
      'request-headers entries response-headers',
      'request-headers entries request-headers',
      'request-trailers get request-trailers x-trailer',
    ],
    request: ['a', '1', 'A', '\xff', 'empty', ''],
    says: [
      'request-headers size request-headers: Ok(7)',
      'request-headers get request-headers A: Some("1")',
      'request-headers get request-headers :path: Some("/")',
      'request-headers get request-headers nope: None',
      'request-headers get request-headers %20: None',
      'request-headers get response-headers a: None',
      'request-headers size response-headers: Err(unavailable)',
      'request-headers entries response-headers: unavailable',
      'request-headers entries request-headers: :method=POST :path=/ :authority=example.com :scheme=http a=1 a=%ff empty=',
      'request-trailers get request-trailers x-trailer: Some("request")',
    ],
  },
  {
    name: 'headers: changing',
    script: [
      'request-headers set request-headers A 2',
      'request-headers append request-headers B %ff%09x',
      'request-headers append request-headers b two',
      'request-headers remove request-headers gone',
      'request-headers remove request-headers never',
      'request-headers set request-headers :path /other',
      'request-headers remove request-headers :path',
      'request-headers set request-headers bad%20name x',
      'request-headers set request-headers x bad%0avalue',
      'request-headers set request-headers %c3%bc x',
      'request-headers set response-headers x y',
      'response-headers clear response-headers',
      'response-headers append response-headers x-new 1',
      'response-headers set request-headers late 1',
    ],
    request: ['a', '1', 'gone', '1', 'A', '3'],
    says: [
      'request-headers set request-headers A 2: Ok(())',
      'request-headers append request-headers B %ff%09x: Ok(())',
      'request-headers append request-headers b two: Ok(())',
      'request-headers remove request-headers gone: Ok(())',
      'request-headers remove request-headers never: Ok(())',
      'request-headers set request-headers :path /other: Ok(())',
      'request-headers remove request-headers :path: Err(bad-argument)',
      'request-headers set request-headers bad%20name x: Err(bad-argument)',
      'request-headers set request-headers x bad%0avalue: Err(bad-argument)',
      'request-headers set request-headers %c3%bc x: Err(bad-argument)',
      'request-headers set response-headers x y: Err(unavailable)',
      'response-headers clear response-headers: Ok(())',
      'response-headers append response-headers x-new 1: Ok(())',
      'response-headers set request-headers late 1: Err(unavailable)',
    ],
    requestHeaders: ['a', '2', 'b', '\xff\tx', 'b', 'two'],
    responseHeaders: ['x-new', '1'],
  },
  {
    name: 'headers: limits',
    script: [
      'request-headers append-big request-headers x 70000',
      'request-headers append-big request-headers x 70000',
      'request-headers append-many request-headers 100',
    ],
    limits: { headerCount: 10, headerBytes: 128 * 1024 },
    says: [
      'request-headers append-big request-headers x 70000: Ok(())',
      'request-headers append-big request-headers x 70000: Err(limit-reached)',
      'request-headers append-many request-headers 100: 9 Err(limit-reached)',
    ],
  },
  {
    name: 'body: reading and changing',
    script: [
      'request-headers read request 0 10',
      'request-body read request 0 7',
      'request-body read request 8 4294967295',
      'request-body read request 99 1',
      'request-body write request 0 7 REQUEST',
      'request-body write request 99 0 !',
      'response-body read request 0 1',
      'response-body write response 0 4294967295 ',
      'response-body write response 0 0 <%ff>',
    ],
    says: [
      'request-headers read request 0 10: unavailable',
      'request-body read request 0 7: 7 bytes request',
      'request-body read request 8 4294967295: 4 bytes body',
      'request-body read request 99 1: 0 bytes ',
      'request-body write request 0 7 REQUEST: Ok(())',
      'request-body write request 99 0 !: Ok(())',
      'response-body read request 0 1: unavailable',
      'response-body write response 0 4294967295 : Ok(())',
      'response-body write response 0 0 <%ff>: Ok(())',
    ],
    events: ['> headers', '> REQUEST body!', '> trailers', '< 200', '< <\xff>', '< trailers'],
  },
  {
    name: 'body: limits',
    script: ['request-body write-big request 1025', 'request-body write-big request 1024'],
    limits: { bufferedBody: 1024 },
    says: [
      'request-body write-big request 1025: Err(limit-reached)',
      'request-body write-big request 1024: Ok(())',
    ],
    events: ['> headers', `> ${'y'.repeat(1024)}`, ...PASSED.slice(2)],
  },
  {
    name: 'properties',
    script: [
      'request-headers property request%00path',
      'request-headers property request%00path%00',
      'request-headers property nope',
      'request-headers set-property mine %00%ff',
      'request-headers property mine',
      'request-headers set-property request%00path x',
      'request-headers set-property  x',
      'configure property plugin_name',
    ],
    says: [
      'configure property plugin_name: Some("puppet")',
      'request-headers property request%00path: Some("/")',
      'request-headers property request%00path%00: Some("/")',
      'request-headers property nope: None',
      'request-headers set-property mine %00%ff: Ok(())',
      'request-headers property mine: Some("%00%ff")',
      'request-headers set-property request%00path x: Err(bad-argument)',
      'request-headers set-property  x: Err(bad-argument)',
    ],
  },
  {
    name: 'a local response',
    script: ['request-headers answer 403 X-Why nope%ff denied details 7'],
    says: ['request-headers answer 403 X-Why nope%ff denied details 7: Ok(()) Ok(()) Ok(()) Ok(())'],
    events: ['local', '< 403', '< denied end'],
    responseHeaders: ['x-why', 'nope\xff', 'content-length', '6', 'content-type', 'text/plain'],
  },
  {
    name: 'a local response that can not be',
    script: [
      'request-headers answer 99',
      'request-headers answer 600',
      'request-headers answer 200 bad%20name x',
      'request-headers answer-big 2000',
      'configure answer 200',
    ],
    limits: { localResponseBody: 1000 },
    says: [
      'configure answer 200: Err(bad-argument)',
      'request-headers answer 99: Err(bad-argument)',
      'request-headers answer 600: Err(bad-argument)',
      'request-headers answer 200 bad%20name x: Err(bad-argument) Ok(())',
      'request-headers answer-big 2000: Err(limit-reached)',
    ],
    events: ['local', '< 200 end'],
    responseHeaders: ['content-length', '0'],
  },
  {
    name: 'a body that is paused until its end',
    script: ['request-body pause', 'request-trailers resume request'],
    says: ['request-trailers resume request: Ok(())'],
  },
  {
    name: 'closing the stream',
    script: ['request-headers close request'],
    says: ['request-headers close request: Ok(())'],
    events: ['reset: a filter closed the stream'],
  },
  {
    name: 'log levels, and what is below them',
    script: ['request-headers level', 'request-headers log w%c3%a4rme'],
    says: ['request-headers level: LogLevel::Info', 'wärme'],
  },
  {
    name: 'the effective context',
    script: [
      'request-headers effective 12345',
      'request-headers effective-own',
      'request-headers get request-headers :method',
    ],
    says: [
      'request-headers effective 12345: Err(bad-argument)',
      'request-headers effective-own: Ok(())',
      'request-headers get request-headers :method: Some("POST")',
    ],
  },
  {
    name: 'the end of a stream',
    script: [
      'done get response-headers :status',
      'log get request-headers a',
      'log get response-headers :status',
      'log set request-headers a 2',
      'log get response-trailers x-trailer',
      'delete get request-headers a',
      'create size request-headers',
    ],
    request: ['a', '1'],
    says: [
      'create size request-headers: Err(unavailable)',
      'done get response-headers :status: None',
      'log get request-headers a: Some("1")',
      'log get response-headers :status: Some("200")',
      'log set request-headers a 2: Err(unavailable)',
      'log get response-trailers x-trailer: Some("response")',
      'delete get request-headers a: Some("1")',
    ],
  },
];

for (const { road, straight } of ROADS) {
  describe(`hostcalls of components, ${road}`, () => {
    for (const { name, script, request = [], limits = {}, says, ...expected } of CASES) {
      test(name, async () => {
        const { chain, plugin, said, log } = await puppet(script, { straight, limits });
        const drive = new Drive(chain, new FakeExchange([...request], 'POST'));
        drive.headers();
        await settle();
        if (expected.events === undefined || expected.events.includes('> trailers')) {
          drive.data('request body').trailers();
          await settle();
          drive.responseHeaders(200, ['server', 'app']).responseData('response body').responseTrailers();
        }
        await settle();
        drive.finish();
        const { exchange, events } = drive;
        assert.deepEqual(said(), says);
        assert.deepEqual(
          log.lines.filter(line => line.level === 'error'),
          [],
        );
        assert.deepEqual(events, expected.events ?? PASSED);
        if (expected.requestHeaders !== undefined)
          assert.deepEqual(exchange.requestHeaders.raw, expected.requestHeaders);
        if (expected.responseHeaders !== undefined)
          assert.deepEqual(exchange.response?.raw, expected.responseHeaders);
        assert.equal(plugin.counters.contexts, 0);
        plugin.close();
      });
    }
  });
}
