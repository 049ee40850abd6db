import type * as Grpc from '@grpc/grpc-js';

export type Library = typeof Grpc;

/** Bytes of a call that the library may keep to send them again when a server refuses the stream. */
const RETRY_BUFFER = 64 * 1024;

/** ms without a sign of the server, while calls are open, until it is asked for one: servers resent it more often. */
const KEEPALIVE = 300_000;

/** Who waits for a connection: one of the two, later, once. */
export interface ConnectionWaiter {
  onConnected(client: Grpc.Client): void;
  onRefused(): void;
}

/**
 * The connection to one endpoint for messages up to one size. Made when it is needed; one that can't be made is
 * forgotten, so that the next call tries afresh and nothing goes on in the background.
 */
export class Connection {
  readonly #library: Library;
  readonly #target: string;
  readonly #maxMessage: number;
  readonly #connectTimeout: number;
  #client: Grpc.Client | undefined;
  #waiting: Set<ConnectionWaiter> = new Set();

  /** `connectTimeout` in ms. */
  constructor(library: Library, target: string, maxMessage: number, connectTimeout: number) {
    this.#library = library;
    this.#target = target;
    this.#maxMessage = maxMessage;
    this.#connectTimeout = connectTimeout;
  }

  /** The client when it is connected; undefined: the waiter will hear. */
  connect(waiter: ConnectionWaiter): Grpc.Client | undefined {
    this.#client ??= this.#open();
    const state = this.#client.getChannel().getConnectivityState(true);
    if (state === this.#library.connectivityState.READY) return this.#client;
    this.#waiting.add(waiter);
    if (this.#waiting.size === 1) this.#watch(this.#client, Date.now() + this.#connectTimeout);
    return undefined;
  }

  /** It hears nothing any more. */
  leave(waiter: ConnectionWaiter): void {
    this.#waiting.delete(waiter);
  }

  /** Ends it once its calls have ended. */
  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  #open(): Grpc.Client {
    return new this.#library.Client(this.#target, this.#library.credentials.createInsecure(), {
      'grpc.max_receive_message_length': this.#maxMessage,
      'grpc.max_send_message_length': -1,
      'grpc.keepalive_time_ms': KEEPALIVE,
      'grpc.per_rpc_retry_buffer_size': RETRY_BUFFER,
      // Only what the configuration says is asked and reached: no TXT records, no proxy of the environment.
      'grpc.service_config_disable_resolution': 1,
      'grpc.enable_http_proxy': 0,
      // A connection that is closed takes its back-off along.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_channelz': 0,
    });
  }

  #watch(client: Grpc.Client, deadline: number): void {
    const { READY, TRANSIENT_FAILURE, SHUTDOWN } = this.#library.connectivityState;
    const channel = client.getChannel();
    const state = channel.getConnectivityState(true);
    if (state === READY) this.#settle(waiter => waiter.onConnected(client));
    else if (state === TRANSIENT_FAILURE || state === SHUTDOWN) this.#refuse(client);
    else {
      channel.watchConnectivityState(state, deadline, error => {
        // Not on the channel's own stack: it may be closed.
        queueMicrotask(() => {
          if (error === undefined) this.#watch(client, deadline);
          else this.#refuse(client);
        });
      });
    }
  }

  #refuse(client: Grpc.Client): void {
    if (this.#client === client) this.close();
    this.#settle(waiter => waiter.onRefused());
  }

  #settle(tell: (waiter: ConnectionWaiter) => void): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const waiter of waiting) tell(waiter);
  }
}
