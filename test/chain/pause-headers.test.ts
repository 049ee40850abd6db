import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallbackName, Handler, Puppet, Rig } from '../support/guest.ts';
import { rig, settle } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';

const resume = (p: Puppet, stream: number) => p.call('proxy_continue_stream', stream);

/** Continues a stream from another one's callback, as a reply to a call would. */
function continueFrom(r: Rig, d: Drive, context: number, stream: number): void {
  const plugin = { ...r.script };
  r.script = {
    proxy_on_request_headers: p => {
      p.call('proxy_set_effective_context', context);
      assert.equal(resume(p, stream), 0);
    },
  };
  d.headers(true);
  r.script = plugin;
}

const DIRECTIONS = [
  ['request', 0, 'proxy_on_request_headers', '> headers', '>'],
  ['response', 1, 'proxy_on_response_headers', '< 200', '<'],
] as const;

const send = (d: Drive, direction: number, text: string, end = false) =>
  direction === 0 ? d.data(text, end) : d.responseData(text, end);

function begin(d: Drive, direction: number, end = false): Drive {
  return direction === 0 ? d.headers(end) : d.headers(true).responseHeaders(200, [], end);
}

async function paused(
  direction: number,
  callback: CallbackName,
  action: number,
  options = {},
  more: Partial<Record<CallbackName, Handler>> = {},
) {
  const r = await rig({ [callback]: () => action, ...more });
  const plugin = r.start(options);
  const chain = r.chain(plugin);
  return { r, d: new Drive(chain), other: () => new Drive(chain), direction };
}

for (const [name, direction, callback, head, mark] of DIRECTIONS) {
  const body = callback.replace('headers', 'body');

  for (const action of [1, 3, 4, 5, 100, -1]) {
    test(`${action} from ${name} headers holds everything unseen; the body comes when it goes on`, async () => {
      const { r, d, other } = await paused(direction, callback, action);
      begin(d, direction);
      d.take();
      send(d, direction, 'abc');
      send(d, direction, 'def', true);
      assert.deepEqual(d.events, []);
      assert.ok(!r.calls.some(c => c.startsWith(body.slice(9))));
      r.calls.length = 0;
      continueFrom(r, other(), 2, direction);
      assert.deepEqual(d.events, [], 'not inside the hostcall');
      await settle();
      assert.deepEqual(d.events, [head, `${mark} abcdef end`]);
      assert.equal(r.calls.at(-1), `${body.slice(9)}(2,6,1)`, 'in the filter that stopped it');
    });
  }

  for (const action of [0, 2]) {
    test(`${action} from ${name} headers lets them pass`, async () => {
      const { d } = await paused(direction, callback, action);
      begin(d, direction);
      assert.equal(d.events.at(-1), head);
    });
  }

  test(`Pause of ${name} headers that end the message`, async () => {
    const { d, other, r } = await paused(direction, callback, 1);
    begin(d, direction, true);
    d.take();
    continueFrom(r, other(), 2, direction);
    await settle();
    assert.deepEqual(d.events, [`${head} end`]);
  });

  test(`allowOnHeadersStopIteration: ${name} bodies reach the filter, and Continue resumes the headers`, async () => {
    const { d, r } = await paused(direction, callback, 1, { allowOnHeadersStopIteration: true });
    const actions = [1, 1, 0, 0];
    r.script[body as CallbackName] = () => actions.shift();
    begin(d, direction);
    d.take();
    send(d, direction, 'a');
    send(d, direction, 'b');
    assert.deepEqual(d.events, []);
    send(d, direction, 'c');
    assert.deepEqual(d.take(), [head, `${mark} abc`]);
    send(d, direction, 'd', true);
    assert.deepEqual(d.take(), [`${mark} d end`]);
    const seen = r.calls.filter(c => c.startsWith(body.slice(9)));
    assert.deepEqual(
      seen.map(c => c.replace(/^\w+/, '')),
      ['(2,1,0)', '(2,2,0)', '(2,3,0)', '(2,1,1)'],
    );
  });

  test(`allowOnHeadersStopIteration: continue sends what the filter has of a ${name}, not twice`, async () => {
    const { d, r, other } = await paused(direction, callback, 1, { allowOnHeadersStopIteration: true });
    r.script[body as CallbackName] = () => 1;
    begin(d, direction);
    d.take();
    send(d, direction, 'ab');
    r.calls.length = 0;
    continueFrom(r, other(), 2, direction);
    await settle();
    assert.deepEqual(d.take(), [head, `${mark} ab`]);
    assert.ok(!r.calls.some(c => c.startsWith(body.slice(9))));
  });

  test(`STOP_ALL_AND_BUFFER of a ${name} over the limit is refused`, async () => {
    const { d } = await paused(direction, callback, 3, { limits: { bufferedBody: 4, pauseTime: 1000 } });
    begin(d, direction);
    d.take();
    send(d, direction, 'abcd');
    assert.deepEqual(d.events, []);
    send(d, direction, 'e');
    send(d, direction, 'f');
    assert.deepEqual(d.events, [direction === 0 ? 'fail 413' : 'fail 500']);
    assert.equal(d.exchange.failure!.filter, 'puppet');
  });

  test(`Pause of a ${name} over the limit pauses the source, until it goes on`, async () => {
    const { d, r, other } = await paused(direction, callback, 1, {
      limits: { bufferedBody: 4, pauseTime: 1000 },
    });
    begin(d, direction);
    d.take();
    send(d, direction, 'abcd');
    assert.deepEqual(d.events, []);
    send(d, direction, 'e');
    send(d, direction, 'f');
    assert.deepEqual(d.take(), [`pause ${name}`]);
    continueFrom(r, other(), 2, direction);
    await settle();
    assert.deepEqual(d.take(), [head, `${mark} abcdef`, `unpause ${name}`]);
  });

  test(`continue inside the ${name} headers callback that then pauses lets it go on`, async () => {
    const { d } = await paused(
      direction,
      callback,
      1,
      {},
      {
        [callback]: (p: Puppet) => {
          resume(p, direction);
          return 1;
        },
      },
    );
    begin(d, direction, true);
    await settle();
    assert.equal(d.events.at(-1), `${head} end`);
  });

  test(`continue twice, and of a ${name} that is not paused, does nothing more`, async () => {
    const { d, r, other } = await paused(direction, callback, 1);
    begin(d, direction, true);
    d.take();
    continueFrom(r, other(), 2, direction);
    continueFrom(r, other(), 2, direction);
    await settle();
    continueFrom(r, other(), 2, direction);
    await settle();
    assert.deepEqual(d.events, [`${head} end`]);
  });
}

test('continue of the other direction does not resume this one', async () => {
  const { d, r, other } = await paused(0, 'proxy_on_request_headers', 1);
  d.headers();
  continueFrom(r, other(), 2, 1);
  await settle();
  assert.deepEqual(d.events, []);
});

test('what one filter holds, those after it do not see', async () => {
  const first = await rig({ proxy_on_request_headers: () => 1 });
  const second = await rig();
  const plugin = first.start();
  const d = new Drive(first.chain(plugin, second.start())).headers().data('x', true);
  assert.deepEqual(
    second.calls.filter(c => c.startsWith('request')),
    [],
  );
  continueFrom(first, new Drive(first.chain(plugin)), 2, 0);
  await settle();
  assert.deepEqual(
    second.calls.filter(c => c.startsWith('request')),
    ['request_headers(2,4,0)', 'request_body(2,1,1)'],
  );
  assert.deepEqual(d.events, ['> headers', '> x end']);
});

test('a continue that was asked for before a body callback does not undo its Pause', async () => {
  // headers: continue, and Continue. body, in the same turn: Pause, to collect it.
  const r = await rig({
    proxy_on_request_headers: p => {
      resume(p, 0);
      return 0;
    },
    proxy_on_request_body: (_p, _id, _size, end) => (end === 1 ? 0 : 1),
  });
  const d = new Drive(r.chain()).headers().data('a');
  await settle();
  assert.deepEqual(d.take(), ['> headers']);
  d.data('b', true);
  assert.deepEqual(d.take(), ['> ab end']);
});
