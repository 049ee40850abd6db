/** The store thread: talks to Redis for one thread, which waits for the answers (redis.ts). */
import { createHash, randomUUID } from 'node:crypto';
import { workerData } from 'node:worker_threads';
import { createClient, RESP_TYPES } from '@redis/client';
import { Status } from '../../abi/types.ts';
import { FULL, NO_ROOM } from '../../plugin/services.ts';
import {
  ANSWERED,
  type Event,
  type Registered,
  type Request,
  type Result,
  type ThreadData,
  type ToThread,
  UP,
} from './redis-protocol.ts';
import { SCRIPTS, type Script } from './redis-scripts.ts';
import { bytesOf } from './scopes.ts';

/** ms between two attempts to connect: the first, and the most. */
const BACK_OFF = 50;
const BACK_OFF_MOST = 2000;
/** ms: a connection that says nothing is asked, and in the end given up. */
const PING = 1000;
const SILENCE = 5000;

const { url, prefix, words: buffer, requests, events, registered } = workerData as ThreadData;
const words = new Int32Array(buffer);
/** Under this name messages come, and others see that somebody listens. */
const self = randomUUID().replaceAll('-', '');
/** Queues of the receivers, by id once it is known. */
const receivers = new Map<number, Map<string, Registered & { id: number }>>();

const client = createClient({
  url,
  RESP: 3,
  // An answer that comes late is no use.
  disableOfflineQueue: true,
  pingInterval: PING,
  socket: {
    connectTimeout: SILENCE,
    socketTimeout: SILENCE,
    reconnectStrategy: retries => Math.min(BACK_OFF * 2 ** Math.min(retries, 10), BACK_OFF_MOST),
  },
  commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
});

const bytes = (text: string) => Buffer.from(text, 'latin1');
const tell = (event: Event) => events.postMessage(event);
const member = (receiver: number) => `${self}:${receiver}`;
const field = (scope: string, name: string) => `${bytesOf(scope).length}:${bytesOf(scope)}${name}`;

let refused = '';
let lost = '';

async function run(script: Script, ...args: (string | Buffer)[]): Promise<unknown> {
  const text = SCRIPTS[script];
  const rest = ['0', bytes(prefix), ...args];
  try {
    return await client.sendCommand(['EVALSHA', createHash('sha1').update(text).digest('hex'), ...rest]);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.sendCommand(['EVAL', text, ...rest]);
  }
}

const buffered = (value: Uint8Array) => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

async function register(registration: Registered, again: boolean, maxBytes: number): Promise<number> {
  const { receiver, scope, name } = registration;
  const key = field(scope, name);
  let queues = receivers.get(receiver);
  if (queues === undefined) {
    queues = new Map();
    receivers.set(receiver, queues);
  }
  // From now on: the connection may be lost and come back before the answer.
  const entry = { receiver, scope, name, id: queues.get(key)?.id ?? 0 };
  queues.set(key, entry);
  const answer = await run('register', bytes(key), bytes(member(receiver)), again ? '1' : '0', `${maxBytes}`);
  const [id, calls] = answer as [number, number];
  if (id === FULL) {
    queues.delete(key);
    return FULL;
  }
  entry.id = id;
  if (calls > 0) tell({ what: 'calls', queue: id, receiver, calls });
  return id;
}

async function answer(request: Request): Promise<Result> {
  switch (request.op) {
    case 'get': {
      const key = bytes(`${prefix}data:${bytesOf(request.scope)}`);
      const found = (await client.sendCommand(['HGET', key, bytes(request.key)])) as Buffer | null;
      if (found === null) return Status.NOT_FOUND;
      return { value: new Uint8Array(found.subarray(4)), cas: found.readUInt32LE() };
    }
    case 'set': {
      const { scope, key, value, cas, maxBytes } = request;
      return run(
        'set',
        Buffer.from(scope),
        bytes(key),
        buffered(value),
        `${cas}`,
        `${maxBytes}`,
      ) as Promise<number>;
    }
    case 'register':
      return register(request, false, request.maxBytes);
    case 'resolve': {
      const key = bytes(field(request.scope, request.name));
      const found = (await client.sendCommand(['HGET', bytes(`${prefix}queues`), key])) as Buffer | null;
      return Number(found?.toString() ?? 0);
    }
    case 'enqueue': {
      const { queue, value, maxLength, maxBytes } = request;
      const most = [`${maxLength}`, `${maxBytes}`];
      return run('enqueue', `${queue}`, buffered(value), ...most) as Promise<number>;
    }
    case 'dequeue': {
      const result = (await run('dequeue', `${request.queue}`)) as Buffer | number;
      return typeof result === 'number' ? result : new Uint8Array(result);
    }
  }
}

/** What Redis had against it; once for each reason in a row. */
function failed(request: Request, error: unknown): number {
  const nothing = request.op === 'register' || request.op === 'resolve' ? 0 : Status.INTERNAL_FAILURE;
  if (!client.isReady) return nothing;
  const reason = error instanceof Error ? error.message : String(error);
  if (reason.startsWith('OOM'))
    return request.op === 'register' ? 0 : request.op === 'enqueue' ? NO_ROOM : FULL;
  if (reason !== refused) tell({ what: 'refused', reason });
  refused = reason;
  return nothing;
}

async function leave(receiver: number, owed: ReadonlyMap<number, number>, died = false): Promise<void> {
  const queues = receivers.get(receiver);
  receivers.delete(receiver);
  const ids = new Set([...[...(queues?.values() ?? [])].map(({ id }) => id), ...owed.keys()]);
  for (const id of ids) {
    if (id === 0) continue;
    await run('leave', `${id}`, bytes(member(receiver)), `${owed.get(id) ?? 0}`, died ? '1' : '0');
  }
}

async function heard(message: Buffer): Promise<void> {
  const [queue, receiver, calls] = message.toString('latin1').split(' ').map(Number) as [
    number,
    number,
    number,
  ];
  if (receivers.has(receiver)) tell({ what: 'calls', queue, receiver, calls });
  // It has left while Redis couldn't be told.
  else await leave(receiver, new Map([[queue, calls]]));
}

/** Nothing is asked before all is as it was. */
async function up(): Promise<void> {
  try {
    for (const queues of receivers.values()) {
      for (const registration of queues.values()) await register(registration, true, Number.MAX_SAFE_INTEGER);
    }
  } catch (error) {
    if (client.isReady) down(error);
    return;
  }
  if (!client.isReady) return;
  lost = '';
  refused = '';
  Atomics.store(words, UP, 1);
  tell({ what: 'up' });
}

function down(error: unknown): void {
  Atomics.store(words, UP, 0);
  if (lost !== '') return;
  lost = error instanceof Error ? error.message || error.name : String(error);
  tell({ what: 'down', reason: lost });
}

async function asked({ sequence, request }: { sequence: number; request: Request }): Promise<void> {
  let result: Result;
  try {
    result = await answer(request);
  } catch (error) {
    result = failed(request, error);
  }
  requests.postMessage({ sequence, result });
  Atomics.store(words, ANSWERED, sequence);
  Atomics.notify(words, ANSWERED);
}

for (const registration of registered) {
  const queues = receivers.get(registration.receiver) ?? new Map();
  receivers.set(registration.receiver, queues);
  queues.set(field(registration.scope, registration.name), { ...registration, id: 0 });
}
requests.on('message', (message: ToThread) => {
  if ('request' in message) void asked(message);
  else leave(message.leave, message.owed, message.died).catch(() => {});
});

client.on('error', down);
client.on('end', () => down(new Error('the connection has ended')));
let subscribed = false;
client.on('ready', () => {
  // The first time nobody has subscribed yet.
  if (subscribed) void up();
});
await client.connect();
const listen = async () => {
  await client.subscribe(`${prefix}calls:${self}`, message => void heard(message).catch(() => {}), true);
  subscribed = true;
  await up();
};
await listen();
