import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { wasiImports } from '../../../src/component/wasi/index.ts';
import type { InputStream, OutputStream, WaitMode } from '../../../src/component/wasi/io/index.ts';
import { type IpSocketAddress, socketAddress } from '../../../src/component/wasi/sockets/addresses.ts';
import type { ResolveAddressStream } from '../../../src/component/wasi/sockets/name-lookup.ts';
import type { Network } from '../../../src/component/wasi/sockets/network.ts';
import { SOCKETS_MAX, type TcpSocket } from '../../../src/component/wasi/sockets/tcp-socket.ts';
import type { TcpGrant } from '../../../src/config/types.ts';
import { host, nothing } from './host.ts';

const turn = () => new Promise(resolve => setTimeout(resolve, 5));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function code(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return 'nothing was thrown';
}

function refused(expected: string, call: () => unknown, message?: string): void {
  assert.equal(code(call), expected, message);
}

/** One instance with these grants. */
function rig(t: TestContext, grants: readonly TcpGrant[], mode: WaitMode = 'jspi') {
  const told = host();
  const wanted = [
    'network',
    'instance-network',
    'ip-name-lookup',
    'tcp',
    'tcp-create-socket',
    'udp-create-socket',
  ];
  const options = { env: {}, grants: { ...nothing, tcp: grants }, mode };
  const names = wanted.map(name => `wasi:sockets/${name}`);
  const { imports, close } = wasiImports(names, options, told);
  t.after(close);
  const all = Object.assign({}, ...Object.values(imports)) as {
    instanceNetwork(): Network;
    networkErrorCode(error: unknown): unknown;
    resolveAddresses(network: Network, name: string): ResolveAddressStream;
    createTcpSocket(family: 'ipv4' | 'ipv6'): TcpSocket;
    createUdpSocket(family: 'ipv4' | 'ipv6'): unknown;
  };
  const network = all.instanceNetwork();
  const start = (address: IpSocketAddress) => {
    const socket = all.createTcpSocket(address.tag);
    try {
      socket.startConnect(network, address);
    } catch (error) {
      socket[Symbol.dispose]();
      throw error;
    }
    return socket;
  };
  const connect = async (address: IpSocketAddress): Promise<[TcpSocket, InputStream, OutputStream]> => {
    const socket = start(address);
    await socket.subscribe().block();
    return [socket, ...socket.finishConnect()];
  };
  return { ...all, network, told, close, start, connect };
}

/** A server on 127.0.0.1, its port, and the connections it got. */
async function serve(t: TestContext, onSocket: (socket: Socket) => void = () => {}) {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, socket => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, sockets };
}

const local = (port: number) => socketAddress('127.0.0.1', port);

test('connects to a granted address, writes and reads to the end', async t => {
  const { port } = await serve(t, socket => socket.pipe(socket));
  const { connect } = rig(t, [{ host: '127.0.0.1', port }]);
  const [socket, input, output] = await connect(local(port));
  assert.deepEqual(socket.remoteAddress(), local(port));
  assert.deepEqual((socket.localAddress().val.address as number[]).join('.'), '127.0.0.1');
  await output.blockingWriteAndFlush(Buffer.from('hello'));
  assert.equal(text(await input.blockingRead(3n)), 'hel');
  assert.equal(text(await input.blockingRead(9n)), 'lo');
  assert.equal(input.read(9n).length, 0);
  socket.shutdown('send');
  assert.throws(() => output.checkWrite(), { tag: 'closed' });
  await assert.rejects(async () => input.blockingRead(1n), { tag: 'closed' });
});

test('sync: the same without waiting', async t => {
  const { port } = await serve(t, socket => socket.pipe(socket));
  const { start } = rig(t, [{ host: '127.0.0.1', port }], 'sync');
  const socket = start(local(port));
  refused('would-block', () => socket.finishConnect());
  assert.equal(socket.subscribe().ready(), false);
  while (!socket.subscribe().ready()) await turn();
  const [input, output] = socket.finishConnect();
  assert.ok(output.checkWrite() > 0n);
  output.write(Buffer.from('hi'));
  assert.equal(input.read(9n).length, 0);
  const pollable = input.subscribe();
  while (!pollable.ready()) await turn();
  assert.equal(text(input.read(9n)), 'hi');
});

test('nothing is connected to without a grant for that address and port', async t => {
  const { port, sockets } = await serve(t);
  const { start, told } = rig(t, [
    { host: '127.0.0.1', port: port + 1 },
    { host: '127.0.0.2', port },
    { host: 'localhost', port },
    { host: '::1', port },
  ]);
  const connecting = (address: IpSocketAddress) => code(() => start(address));
  // Also not by a granted name that wasn't looked up.
  assert.equal(connecting(local(port)), 'access-denied');
  assert.equal(connecting(socketAddress('::2', port)), 'access-denied');
  assert.equal(
    connecting({ tag: 'ipv6', val: { port, flowInfo: 0, address: [0, 0, 0, 0, 0, 0, 0, 1], scopeId: 1 } }),
    'access-denied',
  );
  assert.deepEqual(told.denials, [
    [`connect to 127.0.0.1:${port}`, `capabilities.tcp: ["127.0.0.1:${port}"]`],
    [`connect to [::2]:${port}`, `capabilities.tcp: ["[::2]:${port}"]`],
  ]);
  // An IPv4 address in an IPv6 one's clothes, no address, no port.
  assert.equal(connecting(socketAddress('::ffff:127.0.0.1', port)), 'invalid-argument');
  assert.equal(connecting(socketAddress('0.0.0.0', port)), 'invalid-argument');
  assert.equal(connecting(socketAddress('::', port)), 'invalid-argument');
  assert.equal(connecting(local(0)), 'invalid-argument');
  await turn();
  assert.equal(sockets.length, 0);
});

test('a denial is told once per place, and for a bounded number of places', t => {
  const { start, told } = rig(t, []);
  for (let i = 0; i < 3; i++) code(() => start(local(1)));
  assert.equal(told.denials.length, 1);
  for (let port = 1; port < 1000; port++) code(() => start(local(port)));
  assert.equal(told.denials.length, 64);
});

test('a granted name is looked up, and its addresses may be connected to at the granted port', async t => {
  const { port } = await serve(t, socket => socket.end('hello'));
  const { resolveAddresses, network, connect, start, told } = rig(t, [{ host: 'localhost', port }]);
  const stream = resolveAddresses(network, 'LocalHost.');
  refused('would-block', () => stream.resolveNextAddress());
  await stream.subscribe().block();
  const found = [];
  for (let a = stream.resolveNextAddress(); a !== undefined; a = stream.resolveNextAddress()) found.push(a);
  assert.deepEqual(
    found.find(each => each.tag === 'ipv4'),
    { tag: 'ipv4', val: [127, 0, 0, 1] },
  );
  const [, input] = await connect(local(port));
  assert.equal(text(await input.blockingRead(9n)), 'hello');
  refused('access-denied', () => start(local(port === 65535 ? 1 : port + 1)));
  assert.match(told.denials[0]![0], /^connect to localhost:\d+$/);
});

test('other names are not looked up', t => {
  const { resolveAddresses, network, told } = rig(t, [{ host: 'db.internal', port: 5432 }]);
  const look = (name: string) => code(() => resolveAddresses(network, name));
  for (const name of ['internal', 'x.db.internal', 'db.internal.evil.com', '127.0.0.1', '::1', '0x7f.1']) {
    assert.equal(look(name), 'access-denied', name);
  }
  assert.deepEqual(told.denials[0], ['look up internal', 'capabilities.tcp: ["internal:443"]']);
  for (const name of ['', '.', 'a b', 'a\0b', 'a/b', 'fe80::1%eth0', 'x'.repeat(300), 'db.internal:5432']) {
    assert.equal(look(name), 'invalid-argument', JSON.stringify(name));
  }
});

test('a granted address needs no looking up', t => {
  const { resolveAddresses, network } = rig(t, [
    { host: '127.0.0.1', port: 1 },
    { host: '::1', port: 1 },
  ]);
  assert.deepEqual(resolveAddresses(network, '127.0.0.1').resolveNextAddress(), {
    tag: 'ipv4',
    val: [127, 0, 0, 1],
  });
  assert.deepEqual(resolveAddresses(network, '0:0::1').resolveNextAddress(), {
    tag: 'ipv6',
    val: [0, 0, 0, 0, 0, 0, 0, 1],
  });
});

test('a name that does not resolve is an error of the stream', async t => {
  const { resolveAddresses, network } = rig(t, [{ host: 'nothing.invalid', port: 1 }]);
  const stream = resolveAddresses(network, 'nothing.invalid');
  await stream.subscribe().block();
  assert.match(
    code(() => stream.resolveNextAddress()) as string,
    /^(?:name-unresolvable|temporary-resolver-failure|permanent-resolver-failure)$/,
  );
});

test('a refused connection is told by its code', async t => {
  const { port } = await serve(t);
  const free = port === 65535 ? port - 1 : port + 1;
  const { start } = rig(t, [{ host: '127.0.0.1', port: free }]);
  const socket = start(local(free));
  await socket.subscribe().block();
  refused('connection-refused', () => socket.finishConnect());
  refused('not-in-progress', () => socket.finishConnect());
});

test('a connection that is reset is told by its code', async t => {
  const { port, sockets } = await serve(t);
  const { connect, networkErrorCode } = rig(t, [{ host: '127.0.0.1', port }]);
  const [, input, output] = await connect(local(port));
  while (sockets.length === 0) await turn();
  const read = Promise.resolve(input.blockingRead(1n));
  sockets[0]!.resetAndDestroy();
  const error = await read.then(
    () => undefined,
    reason => reason,
  );
  assert.equal(error.tag, 'last-operation-failed');
  assert.equal(networkErrorCode(error.val), 'connection-reset');
  assert.equal((code(() => output.checkWrite()) as { tag: string }).tag, 'last-operation-failed');
  assert.throws(() => input.read(1n), { tag: 'closed' });
});

test('a peer that does not read holds the writer back', async t => {
  const { port, sockets } = await serve(t, socket => socket.pause());
  const { connect } = rig(t, [{ host: '127.0.0.1', port }]);
  const [, , output] = await connect(local(port));
  let sent = 0;
  for (;;) {
    const credit = Number(output.checkWrite());
    if (credit === 0) {
      await turn();
      if (output.checkWrite() === 0n) break;
      continue;
    }
    output.write(Buffer.alloc(credit));
    sent += credit;
    assert.ok(sent < 64 * 1024 * 1024, 'never held back');
  }
  const ready = Promise.resolve(output.subscribe().block());
  sockets[0]!.resume();
  await ready;
  assert.ok(output.checkWrite() > 0n);
});

test('a peer that sends a lot is held back by a reader that does not read', async t => {
  let sent = 0;
  const { port } = await serve(t, socket => {
    const more = () => {
      while (socket.writable && sent < 256 * 1024 * 1024) {
        sent += 65536;
        if (!socket.write(Buffer.alloc(65536))) {
          socket.once('drain', more);
          return;
        }
      }
    };
    more();
  });
  const { connect } = rig(t, [{ host: '127.0.0.1', port }]);
  const [, input] = await connect(local(port));
  let before = -1;
  while (sent !== before) {
    before = sent;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes were taken`);
  let got = 0;
  while (got < 1024 * 1024) got += (await input.blockingRead(65536n)).length;
});

test('what was written arrives although everything is dropped at once', async t => {
  let got = '';
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const { port } = await serve(t, socket => {
    socket.on('data', data => {
      got += data;
    });
    socket.on('end', resolve);
  });
  const { connect } = rig(t, [{ host: '127.0.0.1', port }]);
  const [socket, input, output] = await connect(local(port));
  output.checkWrite();
  output.write(Buffer.from('last words'));
  for (const each of [input, output, socket]) each[Symbol.dispose]();
  await ended;
  assert.equal(got, 'last words');
});

test('at most SOCKETS_MAX sockets, given back by dropping', async t => {
  const { port } = await serve(t);
  const { createTcpSocket, connect } = rig(t, [{ host: '127.0.0.1', port }]);
  const connected = await connect(local(port));
  const sockets = Array.from({ length: SOCKETS_MAX - 1 }, () => createTcpSocket('ipv4'));
  refused('new-socket-limit', () => createTcpSocket('ipv4'));
  sockets[0]![Symbol.dispose]();
  sockets[0]![Symbol.dispose]();
  createTcpSocket('ipv6');
  refused('new-socket-limit', () => createTcpSocket('ipv6'));
  for (const each of connected) each[Symbol.dispose]();
  for (let i = 0; i < 100 && code(() => createTcpSocket('ipv6')) === 'new-socket-limit'; i++) await turn();
  refused('new-socket-limit', () => createTcpSocket('ipv6'), 'one was given back');
});

test('the end of the instance closes its connections', async t => {
  const { port, sockets } = await serve(t, socket => socket.resume());
  const { connect, close, createTcpSocket, network } = rig(t, [{ host: '127.0.0.1', port }]);
  const [, input] = await connect(local(port));
  while (sockets.length === 0) await turn();
  const gone = new Promise(resolve => sockets[0]!.once('close', resolve));
  sockets[0]!.on('end', () => sockets[0]!.end());
  const read = Promise.resolve(input.blockingRead(1n));
  const unconnected = createTcpSocket('ipv4');
  close();
  await assert.rejects(read, { name: 'InstanceClosed' });
  await gone;
  assert.throws(() => unconnected.startConnect(network, local(port)), { name: 'InstanceClosed' });
});

test('no listening, no accepting, no UDP, no address of its own', t => {
  const { createTcpSocket, createUdpSocket, network, told } = rig(t, [{ host: '127.0.0.1', port: 1 }]);
  const socket = createTcpSocket('ipv4');
  refused('access-denied', () => socket.startBind(network, local(0)));
  refused('access-denied', () => socket.startBind(network, socketAddress('0.0.0.0', 80)));
  refused('invalid-argument', () => socket.startBind(network, socketAddress('::', 0)));
  refused('not-in-progress', () => socket.finishBind());
  socket.startBind(network, socketAddress('0.0.0.0', 0));
  socket.finishBind();
  refused('access-denied', () => socket.startListen());
  refused('not-in-progress', () => socket.finishListen());
  refused('invalid-state', () => socket.accept());
  assert.equal(socket.isListening(), false);
  refused('access-denied', () => createUdpSocket('ipv4'));
  assert.deepEqual(told.denials, [
    ['bind a socket to an address', ''],
    ['listen on a socket', ''],
    ['make a UDP socket', ''],
  ]);
});

test('calls in the wrong state are told so', async t => {
  const { port } = await serve(t);
  const { createTcpSocket, network, connect } = rig(t, [{ host: '127.0.0.1', port }]);
  const socket = createTcpSocket('ipv4');
  for (const call of [
    () => socket.localAddress(),
    () => socket.remoteAddress(),
    () => socket.shutdown('both'),
    () => socket.setHopLimit(),
  ]) {
    assert.match(code(call) as string, /^(?:invalid-state|not-supported)$/);
  }
  refused('not-in-progress', () => socket.finishConnect());
  assert.equal(socket.subscribe().ready(), true);
  const [connected] = await connect(local(port));
  refused('invalid-state', () => connected.startConnect(network, local(port)));
  connected.setKeepAliveEnabled(true);
  connected.setKeepAliveIdleTime(2n ** 64n - 1n);
  assert.equal(connected.keepAliveEnabled(), true);
  refused('invalid-argument', () => connected.setKeepAliveIdleTime(0n));
});
