import { GrpcJsUpstreams } from '../../src/runtime/grpc/upstreams.ts';

/** Makes a call to the port given, then does what is said, and has nothing more to do: the process should end. */
const [port, how] = [Number(process.argv[2]), process.argv[3]];
const own = new GrpcJsUpstreams(
  new Map([
    [
      'app',
      {
        name: 'app',
        endpoints: [{ url: `http://127.0.0.1:${port}`, kind: 'http', host: '127.0.0.1', port }],
        transport: 'undici',
        timeouts: { connect: 2000, response: 10_000, idle: 10_000 },
        connections: 8,
      },
    ],
  ]),
);
const idle = how === 'idle';
const request = {
  service: 'test.Service',
  method: idle ? 'Unary' : 'Wait',
  metadata: [],
  timeout: 3_600_000,
};
const call = own.open('app', request, 1024, {
  onInitialMetadata() {},
  onMessage() {
    if (!idle) own.close();
  },
  onTrailingMetadata() {},
  onClose() {
    process.disconnect();
  },
})!;
call.send(Buffer.from('x'));
if (idle) call.end();
