import { type CallStatus, FULL, type GrpcCallRequest, type HttpCallRequest } from '../abi/host.ts';
import { Status } from '../abi/types.ts';
import { FieldMap } from '../message/fields.ts';
import { grpcUpstream } from './grpc-service.ts';
import { failed, HttpCall, type HttpCallResult } from './http-calls.ts';
import type { IdTable } from './id-table.ts';
import type { GrpcCall, GrpcHandler } from './services.ts';
import type { PluginState } from './state.ts';

/** gRPC status of what was cancelled with its stream. */
const CANCELLED = 1;
const OK = 0;
const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;

/** A stream's context that makes calls. */
export interface Caller {
  /** Its calls that are under way. */
  pendingCalls: number;
}

/** Who hears what becomes of calls: a root context. Nothing of it is called while a guest is on the stack. */
export interface CallReceiver {
  readonly state: PluginState;
  onHttpCallResponse(call: number, result: HttpCallResult): void;
  onGrpcInitialMetadata(call: number, metadata: FieldMap): void;
  onGrpcMessage(call: number, message: Buffer): void;
  /** The message of a call that went well. */
  onGrpcAnswer(call: number, message: Buffer): void;
  onGrpcTrailingMetadata(call: number, metadata: FieldMap): void;
  onGrpcClose(call: number, status: CallStatus): void;
}

/** A call under way. */
export interface PendingCall {
  readonly id: number;
  readonly owner: Calls;
  readonly caller: Caller | undefined;
  /** Nothing is heard of it any more. */
  abort(): void;
  /** Tells the guest that it ended with the stream that made it. */
  cancelled(): void;
}

interface PendingGrpc extends PendingCall {
  readonly call: GrpcCall;
  /** A stream; else a call, whose one message has been sent. */
  readonly streams: boolean;
  /** No more messages may follow. */
  ended: boolean;
  /** Bytes that were sent, and had not gone out when that was last looked at. */
  held: number;
}

/** The HTTP and gRPC calls of one root context and its streams. */
export class Calls {
  readonly #receiver: CallReceiver;
  /** Of all root contexts in the VM. */
  readonly #table: IdTable<PendingCall>;
  #ended = false;

  constructor(receiver: CallReceiver, table: IdTable<PendingCall>) {
    this.#receiver = receiver;
    this.#table = table;
  }

  /** The id, or a status negated. */
  http(request: HttpCallRequest, caller: Caller | undefined): number {
    const { state } = this.#receiver;
    if (!state.capabilities.upstreams.includes(request.upstream)) {
      state.deniedUpstream(request.upstream);
      return -Status.BAD_ARGUMENT;
    }
    if (this.#full() || !this.#hasRoom(request.body.length)) return -Status.INTERNAL_FAILURE;
    const id = this.#table.nextId();
    const call = new HttpCall(state, request, result => {
      this.#remove(id);
      this.#receiver.onHttpCallResponse(id, result);
    });
    this.#add({
      id,
      owner: this,
      caller,
      abort: () => call.abort(),
      cancelled: () => this.#receiver.onHttpCallResponse(id, failed('its stream ended')),
    });
    return id;
  }

  /** The id, or a status negated. */
  grpc(request: GrpcCallRequest, caller: Caller | undefined): number {
    const { state } = this.#receiver;
    const upstream = grpcUpstream(request.upstream, state.capabilities.upstreams);
    if (upstream === undefined) {
      state.deniedUpstream(request.upstream.toString());
      return -Status.PARSE_FAILURE;
    }
    const { message, timeout, ...rest } = request;
    if (this.#full() || !this.#hasRoom(message?.length ?? 0)) return -Status.INTERNAL_FAILURE;
    const id = this.#table.nextId();
    const own = { ...rest, timeout: timeout === 0 ? undefined : timeout };
    const most = state.limits.bufferedBody;
    const call = state.services.grpc.open(upstream, own, most, this.#grpcHandler(id, message === undefined));
    if (call === undefined) return -Status.PARSE_FAILURE;
    if (message !== undefined) {
      call.send(message);
      call.end();
    }
    const pending: PendingGrpc = {
      id,
      owner: this,
      caller,
      call,
      streams: message === undefined,
      ended: message !== undefined,
      held: message?.length ?? 0,
      abort: () => call.cancel(),
      cancelled: () => this.#receiver.onGrpcClose(id, { code: CANCELLED, message: 'its stream ended' }),
    };
    state.counters.callBytes += pending.held;
    this.#add(pending);
    return id;
  }

  grpcSend(id: number, message: Buffer, endOfStream: boolean): Status | typeof FULL {
    const pending = this.#grpcOf(id);
    if (pending === undefined) return Status.NOT_FOUND;
    if (pending.ended) return Status.BAD_ARGUMENT;
    const { state } = this.#receiver;
    const { limits, counters } = state;
    // What the guest sends faster than it goes out is held here.
    if (pending.call.buffered + message.length > limits.bufferedBody) {
      counters.limitHits.bufferedBody++;
      return FULL;
    }
    if (!this.#hasRoom(message.length)) return FULL;
    pending.call.send(message);
    pending.held += message.length;
    state.counters.callBytes += message.length;
    if (endOfStream) this.#endGrpc(pending);
    return Status.OK;
  }

  grpcCancel(id: number): Status {
    const pending = this.#grpcOf(id);
    if (pending === undefined) return Status.NOT_FOUND;
    this.#remove(id);
    pending.abort();
    return Status.OK;
  }

  grpcClose(id: number): Status {
    const pending = this.#grpcOf(id);
    if (pending === undefined) return Status.NOT_FOUND;
    // As in Envoy: what can't be sent any more needs no answer.
    if (!pending.streams) return this.grpcCancel(id);
    if (!pending.ended) this.#endGrpc(pending);
    return Status.OK;
  }

  /** A stream ended while it waited: nobody needs what its calls bring. The guest hears that they failed. */
  cancelOf(caller: Caller): void {
    for (const pending of this.#table.all().filter(each => each.caller === caller)) {
      const { id } = pending;
      pending.abort();
      // The guest may be on the stack.
      setImmediate(() => {
        // Or its VM was gone by then, and everything of it.
        if (this.#table.get(id) !== pending) return;
        this.#remove(id);
        pending.cancelled();
      }).unref();
    }
  }

  /** Its context has ended: nothing is heard of any of them, and none can be made any more. */
  abortAll(): void {
    this.#ended = true;
    for (const pending of this.#own()) {
      this.#remove(pending.id);
      pending.abort();
    }
  }

  /** The same; but only gRPC streams are aborted, which nobody can end any more. Calls end by themselves. */
  abortStreams(): void {
    this.#ended = true;
    for (const pending of this.#own()) if (isGrpc(pending) && pending.streams) this.grpcCancel(pending.id);
  }

  /**
   * A stream hears of all that comes. A call hears of its message, when all went well, or of its end (specification,
   * proxy_grpc_call, and Envoy): SDKs forget a call with the first of both, and older ones panic at another.
   */
  #grpcHandler(id: number, streams: boolean): GrpcHandler {
    const receiver = this.#receiver;
    const live = () => this.#grpcOf(id) !== undefined;
    const exhausted = () => {
      const pending = this.#grpcOf(id)!;
      this.#remove(id);
      pending.abort();
      receiver.onGrpcClose(id, {
        code: RESOURCE_EXHAUSTED,
        message: 'metadata over the limits of the filter',
      });
    };
    let answer: Buffer | undefined;
    return {
      onInitialMetadata: metadata => {
        if (!live() || !streams) return;
        if (receiver.state.mayHold(metadata)) receiver.onGrpcInitialMetadata(id, new FieldMap(metadata));
        else exhausted();
      },
      onMessage: message => {
        if (!live()) return;
        if (streams) receiver.onGrpcMessage(id, message);
        else answer = message;
      },
      onTrailingMetadata: metadata => {
        if (!live() || !streams) return;
        if (receiver.state.mayHold(metadata)) receiver.onGrpcTrailingMetadata(id, new FieldMap(metadata));
        else exhausted();
      },
      onClose: (code, message) => {
        if (!live()) return;
        this.#remove(id);
        if (streams || code !== OK) receiver.onGrpcClose(id, { code, message });
        else if (answer === undefined) receiver.onGrpcClose(id, { code: INTERNAL, message: 'no message' });
        else receiver.onGrpcAnswer(id, answer);
      },
    };
  }

  #endGrpc(pending: PendingGrpc): void {
    pending.ended = true;
    pending.call.end();
  }

  #full(): boolean {
    const { counters, limits } = this.#receiver.state;
    if (this.#ended) return true;
    if (counters.calls < limits.calls) return false;
    counters.limitHits.calls++;
    return true;
  }

  /** For so many bytes more in calls under way, of all its contexts. */
  #hasRoom(bytes: number): boolean {
    const { counters, limits } = this.#receiver.state;
    if (counters.callBytes + bytes <= limits.callBytes) return true;
    // What went out since.
    for (const pending of this.#own()) {
      if (!isGrpc(pending)) continue;
      const held = Math.min(pending.held, pending.call.buffered);
      counters.callBytes -= pending.held - held;
      pending.held = held;
    }
    if (counters.callBytes + bytes <= limits.callBytes) return true;
    counters.limitHits.callBytes++;
    return false;
  }

  #own(): PendingCall[] {
    return this.#table.all().filter(({ owner }) => owner === this);
  }

  #grpcOf(id: number): PendingGrpc | undefined {
    const pending = this.#table.get(id);
    return pending?.owner === this && isGrpc(pending) ? pending : undefined;
  }

  #add(pending: PendingCall): void {
    this.#table.add(pending);
    this.#receiver.state.counters.calls++;
    if (pending.caller !== undefined) pending.caller.pendingCalls++;
  }

  #remove(id: number): void {
    const pending = this.#table.get(id);
    if (pending === undefined) return;
    this.#table.delete(pending);
    this.#receiver.state.counters.calls--;
    if (isGrpc(pending)) this.#receiver.state.counters.callBytes -= pending.held;
    if (pending.caller !== undefined) pending.caller.pendingCalls--;
  }
}

function isGrpc(pending: PendingCall): pending is PendingGrpc {
  return 'streams' in pending;
}
