import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Puppet, rig } from '../support/guest.ts';
import { assertPointersChecked, during } from '../support/guest-during.ts';

/** Writes iovecs for these texts at 512; returns pointer and count. */
function iovecs(p: Puppet, ...texts: (string | Uint8Array)[]): [ptr: number, count: number] {
  texts.forEach((text, i) => {
    const [ptr, size] = p.put(text);
    p.memory.writeUInt32LE(ptr, 512 + 8 * i);
    p.memory.writeUInt32LE(size, 516 + 8 * i);
  });
  return [512, texts.length];
}

const write = (p: Puppet, fd: number, ...texts: (string | Uint8Array)[]) => {
  p.poison(12, 12);
  return p.call('fd_write', fd, ...iovecs(p, ...texts), 16);
};

test('stdout is logged at info and stderr at error, under the name of the filter', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    assert.equal(write(p, 1, 'to stdout\n'), 0);
    assert.equal(p.bytes(12, 12).toString('hex'), 'aaaaaaaa0a000000aaaaaaaa');
    assert.equal(write(p, 2, 'to stderr\n'), 0);
  });
  assert.deepEqual(
    rig.log.lines.map(l => [l.level, l.filter, l.message]),
    [
      ['info', 'puppet', 'to stdout'],
      ['error', 'puppet', 'to stderr'],
    ],
  );
});

test('vectors are joined, lines taken apart, newlines dropped', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    assert.equal(write(p, 1, 'a', '', 'b\nc', '\r\n\n', 'd\n'), 0);
    assert.equal(p.u32(16), 9);
  });
  assert.deepEqual(rig.log.texts, ['info ab', 'info c', 'info ', 'info d']);
});

test('what has no newline is joined with the next write, and logged when the guest returns', async () => {
  const r = await rig({
    proxy_on_vm_start: p => {
      write(p, 1, 'one ');
      write(p, 2, 'error ');
      write(p, 1, 'line\nrest');
      assert.deepEqual(r.log.texts, ['info one line']);
      return 1;
    },
  });
  r.start();
  r.check();
  assert.deepEqual(r.log.texts, ['info one line', 'info rest', 'error error ']);
});

test('a character that two writes cut in half is whole in the log', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    const bytes = Buffer.from('é🐎');
    for (const byte of bytes) assert.equal(write(p, 1, Buffer.from([byte])), 0);
    write(p, 1, '\n');
  });
  assert.deepEqual(rig.log.texts, ['info é🐎']);
});

test('nothing is written: success and 0', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    assert.equal(p.call('fd_write', 1, 0, 0, 16), 0);
    assert.equal(p.u32(16), 0);
    assert.equal(write(p, 1, ''), 0);
  });
  assert.deepEqual(rig.log.texts, []);
});

test('other descriptors are BADF', async () => {
  await during('proxy_on_request_headers', p => {
    for (const fd of [0, 3, 4, -1, 0x7fffffff]) assert.equal(write(p, fd, 'x'), 8, String(fd));
  });
});

test('bad pointers are FAULT, and nothing is logged', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    const [at] = iovecs(p, 'text');
    assertPointersChecked(p, 'fd_write', [1, at, 1, 16], { out: [1], expected: 21, width: 8 });
    assertPointersChecked(p, 'fd_write', [1, at, 1, 16], { out: [3], expected: 21 });
    for (const [ptr, size] of [
      [p.size - 3, 4],
      [p.size, 1],
      [0xffffffff, 1],
      [1, 0xffffffff],
      [0x80000000, 0x80000000],
    ] as const) {
      iovecs(p, 'good\n', 'x');
      p.memory.writeUInt32LE(ptr, 520);
      p.memory.writeUInt32LE(size, 524);
      assert.equal(p.call('fd_write', 1, 512, 2, 16), 21);
    }
  });
  assert.deepEqual(rig.log.texts, []);
});

test('too many vectors, or more bytes than a size can count, are INVAL', async () => {
  const { rig } = await during('proxy_on_request_headers', p => {
    for (const count of [1025, 0x20000000, 0xffffffff])
      assert.equal(p.call('fd_write', 1, 512, count, 16), 28);
    p.call('grow', 62);
    assert.equal(p.size, 64 * 65536);
    for (let i = 0; i < 1024; i++) {
      p.memory.writeUInt32LE(0, 65536 + 8 * i);
      p.memory.writeUInt32LE(64 * 65536, 65536 + 8 * i + 4);
    }
    p.poison(16, 4);
    assert.equal(p.call('fd_write', 1, 65536, 1024, 16), 28);
    assert.equal(p.u32(16), 0xaaaaaaaa);
    assert.equal(p.call('fd_write', 1, 65536, 1023, 16), 0);
  });
  const total = rig.log.lines.reduce((sum, l) => sum + l.message.length, 0);
  assert.ok(total <= 64 * 1024, `${total} characters in the log`);
});

test('an endless line is logged in pieces', async () => {
  const r = await rig({
    proxy_on_vm_start: p => {
      for (let i = 0; i < 40; i++) write(p, 1, 'x'.repeat(1000));
      assert.equal(r.log.lines.length, 2, 'before the guest returned');
      return 1;
    },
  });
  r.start();
  r.check();
  assert.equal(r.log.lines.map(l => l.message).join(''), 'x'.repeat(40_000));
});

test('stdin is at its end', async () => {
  await during('proxy_on_request_headers', p => {
    p.poison(16, 4);
    assert.equal(p.call('fd_read', 0, ...iovecs(p, 'xxxx'), 16), 0);
    assert.equal(p.u32(16), 0);
    for (const fd of [1, 2, 3]) assert.equal(p.call('fd_read', fd, 512, 1, 16), 8);
    assertPointersChecked(p, 'fd_read', [0, 512, 1, 16], { out: [3], expected: 21 });
  });
});

test('the standard files are character devices', async () => {
  await during('proxy_on_request_headers', p => {
    p.poison(16, 26);
    assert.equal(p.call('fd_fdstat_get', 1, 16), 0);
    assert.equal(p.bytes(16, 26).toString('hex'), `02000000000000004000000000000000${'00'.repeat(8)}aaaa`);
    assert.equal(p.call('fd_fdstat_get', 0, 16), 0);
    assert.equal(p.call('fd_fdstat_get', 3, 16), 8);
    assertPointersChecked(p, 'fd_fdstat_get', [1, 16], { out: [1], expected: 21, width: 24 });
    for (const name of ['fd_close', 'fd_sync', 'fd_datasync']) {
      assert.equal(p.call(name, 1), 0, name);
      assert.equal(p.call(name, 3), 8, name);
      assert.equal(p.call(name, -1), 8, name);
    }
    assert.equal(p.call('fd_fdstat_set_flags', 2, 0), 0);
    assert.equal(p.call('fd_fdstat_set_flags', 3, 0), 8);
    assert.equal(p.call('fd_fdstat_set_rights', 2, 0n, 0n), 0);
    assert.equal(p.call('fd_seek', 1, 0n, 0, 16), 70);
    assert.equal(p.call('fd_seek', 3, 0n, 0, 16), 8);
    assert.equal(p.call('fd_tell', 1, 16), 70);
    assert.equal(p.call('fd_tell', 3, 16), 8);
  });
});

test('there are no other files, no directories and no sockets: each function answers, and writes nothing', async () => {
  const { WASI_TYPES } = await import('../support/guest-wat.ts');
  await during('proxy_on_request_headers', p => {
    const before = Buffer.from(p.memory);
    for (const [name, letters] of Object.entries(WASI_TYPES)) {
      const file = /^(path_|sock_)/.test(name) || FD_ONLY.includes(name);
      if (!file) continue;
      const errno = name === 'path_open' ? 44 : name.startsWith('sock_') ? 58 : 8;
      for (const value of [0, 3, -1]) {
        const args = [...letters].map(letter => (letter === 'l' ? BigInt(value) : value));
        assert.equal(p.call(name, ...args), errno, name);
      }
    }
    assert.ok(before.equals(p.memory));
  });
});

const FD_ONLY = [
  'fd_advise',
  'fd_allocate',
  'fd_filestat_get',
  'fd_filestat_set_size',
  'fd_filestat_set_times',
  'fd_pread',
  'fd_prestat_dir_name',
  'fd_prestat_get',
  'fd_pwrite',
  'fd_readdir',
  'fd_renumber',
];
