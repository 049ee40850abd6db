import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOG_MESSAGE_MAX_BYTES } from '../../src/abi/hostcalls/logging.ts';
import { rig, VERSIONS } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';
import { GuestLog } from '../support/guest-log.ts';

for (const abi of VERSIONS) {
  test(`proxy_log logs at each level, under the filter's name (${abi})`, async () => {
    const { rig } = await during(
      'proxy_on_request_headers',
      p => {
        for (let level = 0; level < 6; level++) assert.equal(p.log(level, `level ${level}`), 0);
      },
      { abi },
    );
    assert.deepEqual(
      rig.log.lines.map(l => [l.level, l.filter, l.message]),
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map((l, i) => [l, 'puppet', `level ${i}`]),
    );
  });
}

test('proxy_log refuses unknown levels', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    for (const level of [6, 7, -1, 0x7fffffff, -0x80000000])
      assert.equal(p.log(level, 'x'), 2, String(level));
  });
  assert.deepEqual(rig.log.lines, []);
});

test('proxy_log checks its memory, and an empty message is a message', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    assertPointersChecked(p, 'proxy_log', [2, ...p.put('text')], { data: [1] });
    assert.equal(p.call('proxy_log', 2, 0, 0), 0);
    assert.equal(p.call('proxy_log', 2, p.size, 0), 0, 'nothing, at the very end');
  });
  assert.deepEqual(rig.log.texts, ['info ', 'info ']);
});

test('proxy_log reads up to the last byte of memory', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    p.memory.write('end', p.size - 3);
    assert.equal(p.call('proxy_log', 2, p.size - 3, 3), 0);
  });
  assert.deepEqual(rig.log.texts, ['info end']);
});

test('proxy_log sees memory that the guest has just grown', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    p.call('grow', 1);
    p.memory.write('new page', 2 * 65536 + 10);
    assert.equal(p.call('proxy_log', 2, 2 * 65536 + 10, 8), 0);
  });
  assert.deepEqual(rig.log.texts, ['info new page']);
});

test('messages are UTF-8; what is not becomes U+FFFD', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    p.call('proxy_log', 2, ...p.put(Buffer.from('žluťoučký 🐎')));
    p.call('proxy_log', 2, ...p.put(Buffer.from([0x61, 0xff, 0x62])));
  });
  assert.deepEqual(rig.log.texts, ['info žluťoučký 🐎', 'info a\ufffdb']);
});

test('a message that is too long is cut', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    p.memory.fill('x', 0, p.size);
    assert.equal(p.call('proxy_log', 2, 0, p.size), 0);
  });
  assert.equal(rig.log.lines[0]!.message.length, LOG_MESSAGE_MAX_BYTES);
});

test('lines below the level of the log are dropped', async () => {
  const log = new GuestLog('warn');
  await during(
    'proxy_on_request_headers',
    p => {
      for (let level = 0; level < 6; level++) assert.equal(p.log(level, 'x'), 0);
    },
    { log },
  );
  assert.deepEqual(
    log.lines.map(l => l.level),
    ['warn', 'error', 'fatal'],
  );
});

test('proxy_get_log_level tells the level of the log, in 4 bytes', async () => {
  for (const [i, level] of (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const).entries()) {
    await during(
      'proxy_on_request_headers',
      p => {
        p.poison(15, 6);
        assert.equal(p.call('proxy_get_log_level', 16), 0);
        assert.equal(p.bytes(15, 6).toString('hex'), `aa0${i}000000aa`);
        assertPointersChecked(p, 'proxy_get_log_level', [16], { out: [0] });
      },
      { log: new GuestLog(level) },
    );
  }
});

test('every callback may log', async () => {
  const names: string[] = [];
  const r = await rig();
  r.script = Object.fromEntries(
    [
      'proxy_on_context_create',
      'proxy_on_vm_start',
      'proxy_on_configure',
      'proxy_on_done',
      'proxy_on_log',
      'proxy_on_delete',
    ].map(name => [
      name,
      (p: typeof r.puppet) => {
        p.log(2, name);
        names.push(name);
      },
    ]),
  );
  r.start().close();
  assert.deepEqual(
    r.log.texts,
    names.map(n => `info ${n}`),
  );
  assert.equal(names.length, 6);
});
