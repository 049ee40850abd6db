import {
  type CallStatus,
  FULL,
  type GrpcCallRequest,
  type HttpCallRequest,
  type SharedValue,
} from '../abi/host.ts';
import { type MetricType, Status } from '../abi/types.ts';
import type { Caller } from './calls.ts';
import type { RootContext } from './root-context.ts';
import { type ForeignCaller, NO_ROOM } from './services.ts';
import { VmContext } from './vm-context.ts';

/** What all contexts of a guest can reach beyond their streams. */
export abstract class ServiceContext extends VmContext {
  abstract get root(): RootContext;

  /** Who has to be there for the answer of its calls; undefined: nobody. */
  protected get caller(): Caller | undefined {
    return undefined;
  }

  override setTickPeriod(period: number): Status {
    return this.root.timer.set(period);
  }

  override httpCall(request: HttpCallRequest): number {
    return this.root.calls.http(request, this.caller);
  }

  override grpcCall(request: GrpcCallRequest): number {
    return this.root.calls.grpc(request, this.caller);
  }

  override grpcSend(call: number, message: Buffer, endOfStream: boolean): Status | typeof FULL {
    return this.root.calls.grpcSend(call, message, endOfStream);
  }

  override grpcCancel(call: number): Status {
    return this.root.calls.grpcCancel(call);
  }

  override grpcClose(call: number): Status {
    return this.root.calls.grpcClose(call);
  }

  override callStatus(): CallStatus {
    return this.root.lastCall;
  }

  override sharedData(key: string): SharedValue | Status {
    if (!this.#mayShare()) return Status.INTERNAL_FAILURE;
    return this.state.services.store.get(this.root.identity.vmId, key);
  }

  override setSharedData(key: string, value: Buffer, cas: number): Status | typeof FULL {
    if (!this.#mayShare()) return Status.INTERNAL_FAILURE;
    const { services, limits } = this.state;
    const status = services.store.set(this.root.identity.vmId, key, value, cas, limits.sharedDataBytes);
    if (status === FULL) this.hit('sharedDataBytes');
    return status;
  }

  override registerQueue(name: string): number {
    if (!this.#mayShare()) return -Status.INTERNAL_FAILURE;
    const { root } = this;
    // Nobody would make it leave.
    if (root.gone) return -Status.INTERNAL_FAILURE;
    const { services, limits } = this.state;
    const id = services.store.registerQueue(root.identity.vmId, name, root, limits.sharedDataBytes);
    if (id === FULL) {
      this.hit('sharedDataBytes');
      return -Status.BAD_ARGUMENT;
    }
    if (id === 0) return -Status.INTERNAL_FAILURE;
    root.hasQueues = true;
    return id;
  }

  override resolveQueue(vmId: string, name: string): number {
    if (!this.#mayShare()) return -Status.INTERNAL_FAILURE;
    const id = this.state.services.store.resolveQueue(vmId, name);
    if (id < 0) return -Status.INTERNAL_FAILURE;
    return id === 0 ? -Status.NOT_FOUND : id;
  }

  override enqueue(queue: number, value: Buffer): Status | typeof FULL {
    if (!this.#mayShare()) return Status.INTERNAL_FAILURE;
    const { queueLength, queueBytes } = this.limits;
    const status = this.state.services.store.enqueue(queue, value, queueLength, queueBytes);
    if (status === FULL) this.hit('queueLength');
    if (status !== NO_ROOM) return status;
    this.hit('queueBytes');
    return FULL;
  }

  override dequeue(queue: number): Uint8Array | Status {
    return this.#mayShare() ? this.state.services.store.dequeue(queue) : Status.INTERNAL_FAILURE;
  }

  override defineMetric(type: MetricType, name: string): number {
    return this.vm.metrics.define(this.state, type, name);
  }

  override recordMetric(metric: number, value: bigint): Status {
    return this.vm.metrics.record(this.state, metric, value);
  }

  override incrementMetric(metric: number, offset: bigint): Status {
    return this.vm.metrics.increment(this.state, metric, offset);
  }

  override metricValue(metric: number): bigint | Status {
    return this.vm.metrics.value(this.state, metric);
  }

  override callForeignFunction(name: string, args: Buffer): Uint8Array | Status {
    const { services, limits, log, logFields } = this.state;
    const fn = services.foreignFunctions.get(name);
    if (fn === undefined) return Status.NOT_FOUND;
    let result: Uint8Array | Status;
    try {
      result = fn(args, new ContextCaller(this, limits.bufferedBody));
      if (typeof result !== 'number' && !(result instanceof Uint8Array)) {
        // Of an async function: what it rejects with would be the end of the process.
        Promise.resolve(result).catch(() => {});
        throw new TypeError(`it returned neither bytes nor a status, but ${typeof result}`);
      }
    } catch (error) {
      // A limited number of lines: a guest can call it all day.
      if (this.state.logLimit.admit())
        log.error({ ...logFields, err: error }, `foreign function ${name} failed`);
      return Status.INTERNAL_FAILURE;
    }
    if (typeof result === 'number' || result.length <= limits.bufferedBody) return result;
    this.hit('bufferedBody');
    return Status.BAD_ARGUMENT;
  }

  /** Of a TCP stream: it goes to that upstream, which was granted. NOT_FOUND: too late, or nothing to connect. */
  protected connectStreamTo(_upstream: string): Status {
    return Status.NOT_FOUND;
  }

  /** As foreign functions ask for it. */
  connectTo(upstream: string): Status {
    if (this.state.capabilities.upstreams.includes(upstream)) return this.connectStreamTo(upstream);
    this.state.deniedUpstream(upstream);
    return Status.BAD_ARGUMENT;
  }

  #mayShare(): boolean {
    if (this.mayShare) return true;
    this.state.denied('shared data and queues', 'capabilities: {sharedData: true}');
    return false;
  }
}

/** A context as foreign functions see it. */
class ContextCaller implements ForeignCaller {
  readonly maxBytes: number;
  readonly #context: ServiceContext;

  constructor(context: ServiceContext, maxBytes: number) {
    this.#context = context;
    this.maxBytes = maxBytes;
  }

  get filter(): string {
    return this.#context.name;
  }

  clearRouteCache(): boolean {
    return this.#context.clearRouteCache() === Status.OK;
  }

  setProperty(path: string, value: Buffer): Status {
    return this.#context.setProperty(path, value);
  }

  connectTo(upstream: string): Status {
    return this.#context.connectTo(upstream);
  }

  callBack(functionId: number, args: Buffer): void {
    const { root } = this.#context;
    setImmediate(() => root.onForeignFunction(functionId, args)).unref();
  }
}
