import { extname } from 'node:path';
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { Status } from '../../abi/types.ts';
import type { Log } from '../../log.ts';
import type { NO_ROOM, QueueReceiver, SharedStore, SharedValue, StoreStatus } from '../../plugin/services.ts';
import {
  ANSWERED,
  type Answer,
  type Event,
  type Registered,
  type Request,
  type Result,
  type ThreadData,
  type ToThread,
  UP,
} from './redis-protocol.ts';
import { CALLS, SLICE } from './registrations.ts';

/** `.ts` from source, `.js` in the build. */
const THREAD = new URL(`./redis-thread${extname(import.meta.url)}`, import.meta.url);
const RESOURCES = { maxOldGenerationSizeMb: 128 };
/** ms until a store thread that died is started again. */
const RESTART = 1000;
/** No limit but the server's own. */
const UNBOUNDED = Number.MAX_SAFE_INTEGER;

export interface RedisOptions {
  /** `redis://` or `rediss://`, with user, password and database if need be. */
  readonly url: string;
  /** Of all key names; whoever shares it shares the store. */
  readonly prefix?: string;
  /** ms that an operation may take. */
  readonly timeout?: number;
  readonly log: Log;
}

/** Posting a view posts all the memory behind it. */
const copy = (value: Uint8Array) => new Uint8Array(value);

interface Receiver {
  readonly number: number;
  readonly receiver: QueueReceiver;
  readonly queues: Map<string, Registered>;
  /** Calls to make, by queue. */
  readonly owed: Map<number, number>;
}

/**
 * Shared data and queues in Redis (or Valkey), for filters on several machines. Each thread has its own: hostcalls answer
 * at once, so a store thread of its own talks to Redis while this one waits, `timeout` at the most. INTERNAL_FAILURE then:
 * whether a set or an enqueue was done is not known. While Redis is away, or has not yet answered what it was too slow
 * for, operations fail at once.
 */
export class RedisStore implements SharedStore {
  readonly #options: RedisOptions;
  readonly #receivers = new Map<QueueReceiver, Receiver>();
  readonly #numbers = new Map<number, Receiver>();
  #words = new Int32Array(new SharedArrayBuffer(8));
  #requests!: MessagePort;
  #worker!: Worker;
  #sequence = 0;
  /** The last request, when it was not answered in time. */
  #late = false;
  #next = 1;
  #soon = false;
  #closed = false;
  /** Whether Redis was there when something was last heard of it. */
  #up: boolean | undefined;
  #heard: (() => void) | undefined;

  private constructor(options: RedisOptions) {
    this.#options = options;
  }

  /**
   * Resolves when Redis was reached, or it is known that it can't be now: then it is tried again, ever more slowly.
   * @throws TypeError when the address is none.
   */
  static async start(options: RedisOptions): Promise<RedisStore> {
    if (!/^rediss?:\/\/[^/]/.test(options.url) || !URL.canParse(options.url)) {
      // Without the address: there may be a password in it.
      throw new TypeError('the address of Redis is redis://HOST:PORT or rediss://HOST:PORT');
    }
    const store = new RedisStore(options);
    const heard = new Promise<void>(resolve => {
      store.#heard = resolve;
    });
    const events = store.#start();
    events.ref();
    await heard;
    events.unref();
    return store;
  }

  /** Redis can be asked now. */
  get up(): boolean {
    return Atomics.load(this.#words, UP) === 1;
  }

  get(scope: string, key: string): SharedValue | Status {
    return (this.#ask({ op: 'get', scope, key }) ?? Status.INTERNAL_FAILURE) as SharedValue | Status;
  }

  set(scope: string, key: string, value: Uint8Array, cas: number, maxBytes: number): StoreStatus {
    const request: Request = { op: 'set', scope, key, value: copy(value), cas, maxBytes };
    return (this.#ask(request) ?? Status.INTERNAL_FAILURE) as StoreStatus;
  }

  registerQueue(scope: string, name: string, receiver: QueueReceiver, maxBytes = UNBOUNDED): number {
    let known = this.#receivers.get(receiver);
    if (known === undefined) {
      known = { number: this.#next++, receiver, queues: new Map(), owed: new Map() };
      this.#receivers.set(receiver, known);
      this.#numbers.set(known.number, known);
    }
    const registered = { receiver: known.number, scope, name };
    const queue = (this.#ask({ op: 'register', ...registered, maxBytes }) ?? 0) as number;
    if (queue > 0) known.queues.set(`${scope.length}:${scope}${name}`, registered);
    return queue;
  }

  resolveQueue(scope: string, name: string): number {
    return (this.#ask({ op: 'resolve', scope, name }) ?? -1) as number;
  }

  enqueue(
    queue: number,
    value: Uint8Array,
    maxLength: number,
    maxBytes = UNBOUNDED,
  ): StoreStatus | typeof NO_ROOM {
    const request: Request = { op: 'enqueue', queue, value: copy(value), maxLength, maxBytes };
    return (this.#ask(request) ?? Status.INTERNAL_FAILURE) as StoreStatus | typeof NO_ROOM;
  }

  dequeue(queue: number): Uint8Array | Status {
    return (this.#ask({ op: 'dequeue', queue }) ?? Status.INTERNAL_FAILURE) as Uint8Array | Status;
  }

  leaveQueues(receiver: QueueReceiver, died = false): void {
    const known = this.#receivers.get(receiver);
    if (known === undefined) return;
    this.#receivers.delete(receiver);
    this.#numbers.delete(known.number);
    this.#post({ leave: known.number, owed: known.owed, died });
  }

  /** Nothing is answered or heard any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#receivers.clear();
    this.#numbers.clear();
    await this.#worker.terminate();
  }

  /** The port that events come from. */
  #start(): MessagePort {
    const requests = new MessageChannel();
    const events = new MessageChannel();
    this.#words = new Int32Array(new SharedArrayBuffer(8));
    this.#requests = requests.port1;
    this.#late = false;
    const { url, prefix = 'weir:' } = this.#options;
    const registered = [...this.#numbers.values()].flatMap(({ queues }) => [...queues.values()]);
    const workerData: ThreadData = {
      url,
      prefix,
      words: this.#words.buffer,
      requests: requests.port2,
      events: events.port2,
      registered,
    };
    this.#worker = new Worker(THREAD, {
      name: 'weir redis',
      workerData,
      transferList: [requests.port2, events.port2],
      resourceLimits: RESOURCES,
      execArgv: [],
    });
    this.#worker.unref();
    this.#worker.on('error', error => this.#event({ what: 'down', reason: error.message }));
    this.#worker.once('exit', () => this.#ended());
    events.port1.on('message', (event: Event) => this.#event(event));
    events.port1.unref();
    return events.port1;
  }

  #ended(): void {
    Atomics.store(this.#words, UP, 0);
    this.#requests.close();
    this.#event({ what: 'down', reason: 'the thread that talks to it has ended' });
    if (this.#closed) return;
    setTimeout(() => {
      if (!this.#closed) this.#start();
    }, RESTART).unref();
  }

  #post(message: ToThread): void {
    this.#requests.postMessage(message);
  }

  /** Undefined: Redis couldn't be reached, or not in time. */
  #ask(request: Request): Result | undefined {
    const words = this.#words;
    if (this.#closed || Atomics.load(words, UP) === 0) return undefined;
    if (this.#late) {
      // One that was too slow is enough: who waits here holds up all other streams.
      if (Atomics.load(words, ANSWERED) !== this.#sequence) return undefined;
      this.#late = false;
    }
    this.#sequence = (this.#sequence + 1) | 0;
    const sequence = this.#sequence;
    const end = performance.now() + (this.#options.timeout ?? 50);
    this.#post({ sequence, request });
    for (;;) {
      const answered = Atomics.load(words, ANSWERED);
      if (answered === sequence) return this.#answer(sequence);
      const left = end - performance.now();
      if (left <= 0) break;
      Atomics.wait(words, ANSWERED, answered, left);
    }
    this.#late = true;
    return undefined;
  }

  #answer(sequence: number): Result | undefined {
    for (;;) {
      const received = receiveMessageOnPort(this.#requests) as { message: Answer } | undefined;
      if (received === undefined) return undefined;
      // Those that came too late are in front of it.
      if (received.message.sequence === sequence) return received.message.result;
    }
  }

  #event(event: Event): void {
    if (this.#closed) return;
    if (event.what === 'calls') this.#calls(event.queue, event.receiver, event.calls);
    else if (event.what === 'refused') {
      this.#options.log.error({ ...this.#where, reason: event.reason }, 'Redis refused a command');
    } else if (event.what === 'up') {
      if (this.#up !== true) this.#options.log.info(this.#where, 'Redis is there');
      this.#up = true;
    } else {
      if (this.#up !== false) {
        const message = 'Redis is away: shared data and queues fail until it is back';
        this.#options.log.error({ ...this.#where, reason: event.reason }, message);
      }
      this.#up = false;
    }
    if (event.what !== 'calls') this.#heard?.();
  }

  /** Without user and password. */
  get #where(): { redis: string } {
    return { redis: new URL(this.#options.url).host };
  }

  #calls(queue: number, receiver: number, calls: number): void {
    const known = this.#numbers.get(receiver);
    // It has left, and the store thread hears of that behind this.
    if (known === undefined) this.#post({ leave: receiver, owed: new Map([[queue, calls]]), died: false });
    else {
      known.owed.set(queue, (known.owed.get(queue) ?? 0) + calls);
      this.#look();
    }
  }

  readonly #look = (): void => {
    this.#soon = false;
    let calls = 0;
    let spent = false;
    const end = performance.now() + SLICE;
    try {
      for (const { receiver, owed, number } of [...this.#numbers.values()]) {
        for (const queue of [...owed.keys()]) {
          while (
            this.#numbers.has(number) &&
            (owed.get(queue) ?? 0) > 0 &&
            receiver.deaf !== true &&
            !spent
          ) {
            owed.set(queue, owed.get(queue)! - 1);
            receiver.onQueueReady(queue);
            spent = ++calls >= CALLS || performance.now() >= end;
          }
          if (owed.get(queue) === 0) owed.delete(queue);
        }
      }
    } finally {
      const more = [...this.#numbers.values()].some(
        ({ owed, receiver }) => owed.size > 0 && receiver.deaf !== true,
      );
      if (more && !this.#soon) {
        this.#soon = true;
        setImmediate(this.#look);
      }
    }
  };
}
