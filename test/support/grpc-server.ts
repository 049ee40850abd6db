import type { EventEmitter } from 'node:events';
import type { TestContext } from 'node:test';
import {
  type handleBidiStreamingCall,
  type handleClientStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
} from '@grpc/grpc-js';

/** A call as the server saw it. */
export interface SeenCall {
  readonly method: string;
  readonly metadata: Metadata;
  readonly messages: Buffer[];
  /** Address and port of the client's end. */
  readonly peer: string;
  /** ms to the deadline when the call came; Infinity: none. */
  readonly timeout: number;
  /** The client half-closed. */
  ended: boolean;
  /** Or its connection went. Of a call that was answered this says nothing: the library has it then, too. */
  cancelled: boolean;
  /** Of a bidirectional stream or one without end. */
  readonly stream?: ServerDuplexStream<Buffer, Buffer>;
}

export interface GrpcServer {
  readonly port: number;
  readonly calls: SeenCall[];
  /** Resets all streams, ends all connections. */
  die(): void;
}

const identity = (message: Buffer): Buffer => message;

type Incoming = Pick<ServerDuplexStream<Buffer, Buffer>, 'metadata' | 'getPeer' | 'getDeadline'> &
  EventEmitter;

/** Metadata with what a test likes to see. */
function told(name: string): Metadata {
  const metadata = new Metadata();
  metadata.add('x-told', name);
  metadata.add('x-told-bin', Buffer.from([0, 255]));
  metadata.add('x-told-bin', Buffer.from('two'));
  return metadata;
}

/**
 * A gRPC server of @grpc/grpc-js with service `test.Service`, until the test ends. Messages are bytes.
 *
 * - `Unary`: the message in upper case; trailing metadata too.
 * - `Fail`: FAILED_PRECONDITION with a message and trailing metadata.
 * - `Server`: as many messages as the number in the request, of that size in KiB: `count size`.
 * - `Client`: all messages, joined by `+`.
 * - `Echo`: bidirectional, each message back.
 * - `Hang`: bidirectional, reads and never answers.
 * - `Deaf`: bidirectional, doesn't even read.
 * - `Wait`: sends initial metadata and `ready`, then waits for `stream.end()` of the test.
 */
export async function startGrpcServer(t: Pick<TestContext, 'after'>, port = 0): Promise<GrpcServer> {
  const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  const calls: SeenCall[] = [];
  const note = (method: string, call: Incoming, stream?: ServerDuplexStream<Buffer, Buffer>): SeenCall => {
    const deadline = Number(call.getDeadline());
    const seen: SeenCall = {
      method,
      metadata: call.metadata,
      messages: [],
      peer: call.getPeer(),
      timeout: deadline - Date.now(),
      ended: false,
      cancelled: false,
      ...(stream === undefined ? {} : { stream }),
    };
    call.on('cancelled', () => {
      seen.cancelled = true;
    });
    stream?.on('error', () => {});
    calls.push(seen);
    return seen;
  };
  const read = (seen: SeenCall, call: EventEmitter) => {
    call.on('data', (message: Buffer) => seen.messages.push(message));
    call.on('end', () => {
      seen.ended = true;
    });
  };

  const unary: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    note('Unary', call).messages.push(call.request);
    call.sendMetadata(told('initial'));
    answer(null, Buffer.from(call.request.toString('latin1').toUpperCase(), 'latin1'), told('trailing'));
  };
  const fail: handleUnaryCall<Buffer, Buffer> = (call, answer) => {
    note('Fail', call);
    answer({ code: 9, details: 'nicht möglich: 100%', metadata: told('trailing') });
  };
  const many: handleServerStreamingCall<Buffer, Buffer> = call => {
    note('Server', call);
    const [count = 0, size = 0] = call.request.toString().split(' ').map(Number);
    for (let i = 0; i < count; i++) call.write(Buffer.alloc(size * 1024, i));
    call.end(told('trailing'));
  };
  const joined: handleClientStreamingCall<Buffer, Buffer> = (call, answer) => {
    const seen = note('Client', call);
    read(seen, call);
    call.on('end', () => answer(null, Buffer.from(seen.messages.map(m => m.toString('latin1')).join('+'))));
  };
  const echo: handleBidiStreamingCall<Buffer, Buffer> = call => {
    read(note('Echo', call, call), call);
    call.on('data', (message: Buffer) => call.write(message));
    call.on('end', () => call.end());
  };
  const hang: handleBidiStreamingCall<Buffer, Buffer> = call => read(note('Hang', call, call), call);
  const deaf: handleBidiStreamingCall<Buffer, Buffer> = call => note('Deaf', call, call);
  const wait: handleBidiStreamingCall<Buffer, Buffer> = call => {
    read(note('Wait', call, call), call);
    call.sendMetadata(told('initial'));
    call.write(Buffer.from('ready'));
  };

  const service = '/test.Service';
  server.register(`${service}/Unary`, unary, identity, identity, 'unary');
  server.register(`${service}/Fail`, fail, identity, identity, 'unary');
  server.register(`${service}/Server`, many, identity, identity, 'serverStream');
  server.register(`${service}/Client`, joined, identity, identity, 'clientStream');
  server.register(`${service}/Echo`, echo, identity, identity, 'bidi');
  server.register(`${service}/Hang`, hang, identity, identity, 'bidi');
  server.register(`${service}/Deaf`, deaf, identity, identity, 'bidi');
  server.register(`${service}/Wait`, wait, identity, identity, 'bidi');
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, free) => {
      if (error === null) resolve(free);
      else reject(error);
    });
  });
  t.after(() => server.forceShutdown());
  return { port: bound, calls, die: () => server.forceShutdown() };
}
