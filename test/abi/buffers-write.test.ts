import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Puppet, rig, VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { Drive } from '../support/guest-exchange.ts';

const set = (p: Puppet, type: number, start: number, size: number, text: string) =>
  p.call('proxy_set_buffer_bytes', type, start, size, ...p.put(text));

for (const abi of VERSIONS) {
  test(`bodies are prepended, appended, replaced, injected into and emptied (${abi})`, async () => {
    const cases: [start: number, size: number, text: string, body: string][] = [
      [0, 0, 'X', 'Xrequest body'],
      [12, 0, 'X', 'request bodyX'],
      [13, 5, 'X', 'request bodyX'],
      [0xffffffff, 0xffffffff, 'X', 'request bodyX'],
      [0, 12, 'X', 'X'],
      [0, 0xffffffff, 'X', 'X'],
      [7, 1, '-', 'request-body'],
      [7, 0, '-', 'request- body'],
      [8, 100, 'X', 'request X'],
      [1, 0xffffffff, 'X', 'rX'],
      [0, 8, '', 'body'],
      [0, 0, '', 'request body'],
    ];
    for (const [start, size, text, body] of cases) {
      const { drive } = await during(
        'proxy_on_request_body',
        p => {
          assert.equal(set(p, 0, start, size, text), 0);
          assert.equal(p.body(0), body, `${start} ${size} ${text}`);
        },
        { abi },
      );
      assert.equal(drive.events[1], `> ${body}`);
      assert.equal(drive.stream.requestBodyChanged, true);
      assert.equal(drive.stream.responseBodyChanged, false);
    }
  });
}

test('an emptied body sends nothing, or an empty end', async () => {
  const r = await rig({
    proxy_on_request_body: p => {
      set(p, 0, 0, 0xffffffff, '');
    },
    proxy_on_response_body: p => {
      set(p, 1, 0, 0xffffffff, '');
    },
  });
  const d = new Drive(r.chain()).headers().data('a').data('b', true);
  d.responseHeaders().responseData('c').responseData('d', true).finish();
  assert.deepEqual(d.events, ['> headers', '>  end', '< 200', '<  end']);
});

test('what is written is what arrives, whatever the bytes', async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  const { drive } = await during('proxy_on_response_body', p => {
    assert.equal(p.call('proxy_set_buffer_bytes', 1, 0, 0xffffffff, ...p.put(bytes)), 0);
    // The bytes are copied: what the guest does with its memory later doesn't matter.
    p.memory.fill(0, 4096, 8192);
  });
  assert.equal(drive.events[4], `< ${bytes.toString('latin1')}`);
});

test('a body can not outgrow the filter: BAD_ARGUMENT, and nothing changes', async () => {
  await during(
    'proxy_on_request_body',
    p => {
      assert.equal(set(p, 0, 12, 0, 'x'.repeat(8)), 0, 'up to the limit');
      assert.equal(set(p, 0, 0, 0, 'x'), 2);
      assert.equal(set(p, 0, 0, 5, 'x'.repeat(6)), 2);
      assert.equal(p.body(0), `request body${'x'.repeat(8)}`);
      assert.equal(set(p, 0, 0, 5, 'yyyyy'), 0, 'as large as before');
      assert.equal(set(p, 0, 0, 5, ''), 0, 'smaller');
    },
    { options: { limits: { bufferedBody: 20 } } },
  );
});

test('a body over the limit already can be made smaller', async () => {
  const { drive } = await during(
    'proxy_on_request_body',
    p => {
      assert.equal(set(p, 0, 0, 1, ''), 0);
      assert.equal(set(p, 0, 0, 0xffffffff, 'short'), 0);
    },
    { options: { limits: { bufferedBody: 3 } } },
  );
  assert.equal(drive.events[1], '> short');
});

test('memory is checked, and nothing changes', async () => {
  await during('proxy_on_request_body', p => {
    assertPointersChecked(p, 'proxy_set_buffer_bytes', [0, 0, 1, ...p.put('new')], { data: [3] });
    assert.equal(p.body(0), 'request body');
    assert.equal(p.call('proxy_set_buffer_bytes', 0, 0, 0, p.size, 0), 0);
  });
});

test('unknown buffers are BAD_ARGUMENT, known ones that are not there NOT_FOUND', async () => {
  await during('proxy_on_response_headers', p => {
    for (const type of [9, 100, -1, -0x80000000]) assert.equal(set(p, type, 0, 0, 'x'), 2, String(type));
    for (let type = 0; type <= 8; type++) assert.equal(set(p, type, 0, 0, 'x'), 1, String(type));
  });
});

test('configuration can not be written', async () => {
  await during(
    'proxy_on_configure',
    p => {
      assert.equal(set(p, 7, 0, 0, 'x'), 1);
      assert.equal(p.body(7), 'config');
    },
    { options: { config: Buffer.from('config') } },
  );
});

test('a body that went on can not be changed any more', async () => {
  const late: number[] = [];
  const r = await rig({
    proxy_on_request_body: () => 0,
    proxy_on_response_headers: p => {
      late.push(set(p, 0, 0, 0, 'late'));
    },
    proxy_on_log: p => {
      late.push(set(p, 0, 0, 0, 'late'), set(p, 1, 0, 0, 'late'));
    },
  });
  const d = new Drive(r.chain()).whole();
  assert.deepEqual(late, [1, 1, 1]);
  assert.equal(d.events[1], '> request body');
});

test('a write to a body that is paused passes on when it is resumed', async () => {
  const r = await rig({
    proxy_on_request_body: () => 1,
    proxy_on_response_headers: p => {
      assert.equal(set(p, 0, 0, 0, 'pre'), 0);
      p.call('proxy_continue_stream', 0);
      assert.equal(set(p, 0, 0xffffffff, 0, 'post'), 0, 'until the hostcall takes effect');
    },
  });
  const d = new Drive(r.chain()).headers().data('held', true);
  d.responseHeaders();
  await undefined;
  r.check();
  assert.deepEqual(d.take(), ['> headers', '< 200', '> preheldpost end']);
  d.finish();
});

test('a random series of writes leaves what a plain buffer would hold', async () => {
  const write = fc.record({
    start: fc.oneof(fc.nat(30), fc.constant(0xffffffff)),
    size: fc.oneof(fc.nat(30), fc.constant(0xffffffff)),
    bytes: fc.uint8Array({ maxLength: 10 }),
  });
  await during('proxy_on_request_body', p => {
    let model = Buffer.from('request body');
    fc.assert(
      fc.property(fc.array(write, { maxLength: 6 }), writes => {
        for (const { start, size, bytes } of writes) {
          const next = Buffer.concat([
            model.subarray(0, start),
            bytes,
            model.subarray(Math.min(model.length, start + size)),
          ]);
          const grows = next.length > model.length && next.length > 1024;
          assert.equal(p.call('proxy_set_buffer_bytes', 0, start, size, ...p.put(bytes)), grows ? 2 : 0);
          if (!grows) model = next;
        }
        assert.equal(p.body(0), model.toString('latin1'));
      }),
      { numRuns: 150 },
    );
  });
});
