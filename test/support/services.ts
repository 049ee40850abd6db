import { MetricType, Status } from '../../src/abi/types.ts';
import { NO_SERVICES } from '../../src/plugin/no-services.ts';
import {
  ENTRY_COST,
  type ForeignFunction,
  FULL,
  type GrpcCall,
  type GrpcHandler,
  type GrpcRequest,
  MISMATCH,
  NO_ROOM,
  type QueueReceiver,
  type Services,
  type SharedValue,
} from '../../src/plugin/services.ts';
import type { OwnCall, OwnRequest, OwnRequestHandler } from '../../src/plugin/upstreams.ts';

/** A request of a filter's, and what a test does with it. */
export interface FakeCall {
  readonly upstream: string;
  readonly request: OwnRequest;
  readonly handler: OwnRequestHandler;
  readonly body: Buffer[];
  trailers: readonly string[] | undefined;
  aborted: boolean;
}

/** The same by gRPC. */
export interface FakeGrpcCall extends GrpcCall {
  readonly upstream: string;
  readonly request: GrpcRequest;
  readonly handler: GrpcHandler;
  readonly sent: Buffer[];
  buffered: number;
  ended: boolean;
  cancelled: boolean;
}

/** What filters reach beyond their streams, in this process, for one thread; tests see all of it. */
export class FakeServices implements Services {
  readonly calls: FakeCall[] = [];
  readonly grpcCalls: FakeGrpcCall[] = [];
  readonly data = new Map<string, SharedValue>();
  readonly queues: { key: string; values: Uint8Array[]; receivers: QueueReceiver[] }[] = [];
  readonly cells: { key: string; type: MetricType; value: bigint; observed: bigint[] }[] = [];
  readonly foreignFunctions: Map<string, ForeignFunction>;
  /** Status of every call of the store: it can't be reached. */
  away = false;

  constructor(foreignFunctions: Services['foreignFunctions'] = NO_SERVICES.foreignFunctions) {
    this.foreignFunctions = new Map(foreignFunctions);
  }

  readonly upstreams: Services['upstreams'] = {
    find: () => undefined,
    send: (upstream, request, handler): OwnCall => {
      const call: FakeCall = { upstream, request, handler, body: [], trailers: undefined, aborted: false };
      this.calls.push(call);
      return {
        full: false,
        write: chunk => void call.body.push(chunk),
        end: trailers => {
          call.trailers = trailers;
        },
        pause: () => {},
        abort: () => {
          call.aborted = true;
        },
      };
    },
  };

  readonly grpc: Services['grpc'] = {
    open: (upstream, request, _most, handler) => {
      const call: FakeGrpcCall = {
        upstream,
        request,
        handler,
        sent: [],
        buffered: 0,
        ended: false,
        cancelled: false,
        send: message => void call.sent.push(message),
        end: () => {
          call.ended = true;
        },
        cancel: () => {
          call.cancelled = true;
        },
      };
      this.grpcCalls.push(call);
      return call;
    },
  };

  readonly store: Services['store'] = {
    get: (scope, key) => {
      if (this.away) return Status.INTERNAL_FAILURE;
      return this.data.get(`${scope}\0${key}`) ?? Status.NOT_FOUND;
    },
    set: (scope, key, value, cas, maxBytes) => {
      if (this.away) return Status.INTERNAL_FAILURE;
      const at = `${scope}\0${key}`;
      const old = this.data.get(at);
      if (cas !== 0 && cas !== old?.cas) return Status.CAS_MISMATCH;
      let bytes = key.length + ENTRY_COST + value.length;
      for (const [other, { value: held }] of this.data) {
        if (other.startsWith(`${scope}\0`) && other !== at)
          bytes += other.length - scope.length - 1 + ENTRY_COST + held.length;
      }
      if (bytes > maxBytes) return FULL;
      this.data.set(at, { value, cas: (old?.cas ?? 0) + 1 });
      return Status.OK;
    },
    registerQueue: (scope, name, receiver, maxBytes) => {
      if (this.away) return 0;
      const key = `${scope}\0${name}`;
      let id = this.queues.findIndex(queue => queue.key === key) + 1;
      if (id === 0 && name.length + ENTRY_COST > maxBytes) return FULL;
      if (id === 0) id = this.queues.push({ key, values: [], receivers: [] });
      this.queues[id - 1]!.receivers.push(receiver);
      return id;
    },
    resolveQueue: (scope, name) => {
      if (this.away) return -1;
      return this.queues.findIndex(queue => queue.key === `${scope}\0${name}`) + 1;
    },
    enqueue: (id, value, maxLength, maxBytes) => {
      if (this.away) return Status.INTERNAL_FAILURE;
      const queue = this.queues[id - 1];
      if (queue === undefined) return Status.NOT_FOUND;
      if (queue.values.length >= maxLength) return FULL;
      const bytes = [...queue.values, value].reduce((sum, { length }) => sum + length + ENTRY_COST, 0);
      if (bytes > maxBytes) return NO_ROOM;
      queue.values.push(value);
      setImmediate(() => queue.receivers.at(-1)?.onQueueReady(id));
      return Status.OK;
    },
    dequeue: id => {
      if (this.away) return Status.INTERNAL_FAILURE;
      const queue = this.queues[id - 1];
      return queue === undefined ? Status.NOT_FOUND : (queue.values.shift() ?? Status.EMPTY);
    },
    leaveQueues: receiver => {
      for (const queue of this.queues) {
        const rest = queue.receivers.filter(each => each !== receiver);
        queue.receivers.splice(0, queue.receivers.length, ...rest);
      }
    },
  };

  readonly metrics: Services['metrics'] = {
    define: (filter, type, name, most) => {
      const key = `${filter}\0${name}`;
      const known = this.cells.findIndex(cell => cell.key === key);
      if (known >= 0) return this.cells[known]!.type === type ? known : MISMATCH;
      if (this.cells.filter(cell => cell.key.startsWith(`${filter}\0`)).length >= most) return FULL;
      return this.cells.push({ key, type, value: 0n, observed: [] }) - 1;
    },
    record: (at, value) => {
      const cell = this.cells[at]!;
      if (cell.type === MetricType.HISTOGRAM) cell.observed.push(value);
      else cell.value = BigInt.asUintN(64, cell.type === MetricType.COUNTER ? cell.value + value : value);
    },
    increment: (at, offset) => {
      const cell = this.cells[at]!;
      cell.value = BigInt.asUintN(64, cell.value + offset);
    },
    value: at => this.cells[at]!.value,
  };
}
