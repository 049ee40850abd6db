import type { CallStatus } from '../abi/host.ts';
import { BufferType, MapType } from '../abi/types.ts';
import type { GuestError, HostState } from '../errors.ts';
import { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';
import type { GuestFunction } from './callbacks.ts';
import { type CallReceiver, Calls } from './calls.ts';
import { NO_STATUS } from './context.ts';
import { reportGuestError } from './death.ts';
import type { HttpCallResult } from './http-calls.ts';
import type { PluginIdentity } from './properties.ts';
import { pluginProperty } from './properties.ts';
import { ServiceContext } from './service-context.ts';
import type { QueueReceiver } from './services.ts';
import type { PluginState } from './state.ts';
import { TickTimer } from './timer.ts';
import type { Vm } from './vm.ts';

interface Told {
  readonly httpHeaders: FieldMap | undefined;
  readonly httpBody: BodyBuffer | undefined;
  readonly httpTrailers: FieldMap | undefined;
  readonly initialMetadata: FieldMap | undefined;
  readonly message: BodyBuffer | undefined;
  readonly trailingMetadata: FieldMap | undefined;
  readonly foreignArguments: BodyBuffer | undefined;
}

const NOTHING: Told = {
  httpHeaders: undefined,
  httpBody: undefined,
  httpTrailers: undefined,
  initialMetadata: undefined,
  message: undefined,
  trailingMetadata: undefined,
  foreignArguments: undefined,
};

/** The context of a plugin, parent of its stream contexts: it hears of ticks, queues and the answers of calls. */
export class RootContext extends ServiceContext implements CallReceiver, QueueReceiver {
  readonly identity: PluginIdentity;
  readonly calls = new Calls(this, this.vm.calls);
  readonly timer: TickTimer;
  /** It registered one. */
  hasQueues = false;
  /** How the call ended whose end was told last. */
  lastCall: CallStatus = NO_STATUS;
  #vmConfig: BodyBuffer | undefined;
  #pluginConfig: BodyBuffer | undefined;
  /** What is told now, and can be read: of an HTTP call, a gRPC call, a foreign function. */
  #told: Told = NOTHING;
  #gone = false;
  /** Calls that it made go on without it. */
  #lastWords = false;
  /** Its VM died. With work of its own no stream may come to start another. */
  onDeath: ((workedAlone: boolean) => void) | undefined;

  /** @throws GuestError */
  constructor(vm: Vm, identity: PluginIdentity, state: PluginState) {
    super(vm, state);
    this.identity = identity;
    this.timer = new TickTimer(state, () => this.#onTick());
    this.create(0);
  }

  /** It has started: from now on callbacks have `limits.callTime`. */
  started(): void {
    this.callTime = this.state.limits.callTime;
  }

  /** proxy_on_vm_start: false when the guest refuses. The VM configuration is readable only here. */
  start(): boolean {
    const { vmStart } = this.vm.callbacks;
    if (vmStart === undefined) return true;
    const config = this.vm.spec.vmConfig;
    this.#vmConfig = new BodyBuffer(config);
    try {
      return this.vm.call(this, 'proxy_on_vm_start', vmStart, this.id, config.length, 0) !== 0;
    } finally {
      this.#vmConfig = undefined;
    }
  }

  /** proxy_on_configure: false when the guest refuses. The plugin configuration is readable only here. */
  configure(config: Buffer): boolean {
    const { configure } = this.vm.callbacks;
    if (configure === undefined) return true;
    this.#pluginConfig = new BodyBuffer(config);
    try {
      return this.vm.call(this, 'proxy_on_configure', configure, this.id, config.length, 0) !== 0;
    } finally {
      this.#pluginConfig = undefined;
    }
  }

  get root(): RootContext {
    return this;
  }

  /** It has work of its own, for which its VM has to live: ticks or queues. */
  get worksAlone(): boolean {
    return this.timer.active || this.hasQueues;
  }

  onHttpCallResponse(call: number, { headers, body, trailers, code, message }: HttpCallResult): void {
    const fn = this.vm.callbacks.httpCallResponse;
    if (fn === undefined) return;
    this.lastCall = { code, message };
    const told: Told = { ...NOTHING, httpHeaders: headers, httpBody: body, httpTrailers: trailers };
    const counts = [headers.count, body.length, trailers.count] as const;
    this.#tell('proxy_on_http_call_response', (id, token) => fn(id, token, ...counts), told, call, 0);
  }

  onGrpcInitialMetadata(call: number, metadata: FieldMap): void {
    const told: Told = { ...NOTHING, initialMetadata: metadata };
    const fn = this.vm.callbacks.grpcInitialMetadata;
    this.#tell('proxy_on_grpc_receive_initial_metadata', fn, told, call, metadata.count);
  }

  onGrpcMessage(call: number, message: Buffer): void {
    const told: Told = { ...NOTHING, message: new BodyBuffer(message) };
    this.#tell('proxy_on_grpc_receive', this.vm.callbacks.grpcMessage, told, call, message.length);
  }

  onGrpcAnswer(call: number, message: Buffer): void {
    this.lastCall = NO_STATUS;
    this.onGrpcMessage(call, message);
  }

  onGrpcTrailingMetadata(call: number, metadata: FieldMap): void {
    const told: Told = { ...NOTHING, trailingMetadata: metadata };
    const fn = this.vm.callbacks.grpcTrailingMetadata;
    this.#tell('proxy_on_grpc_receive_trailing_metadata', fn, told, call, metadata.count);
  }

  onGrpcClose(call: number, status: CallStatus): void {
    this.lastCall = status;
    this.#tell('proxy_on_grpc_close', this.vm.callbacks.grpcClose, NOTHING, call, status.code);
  }

  onQueueReady(queue: number): void {
    this.state.used?.();
    this.#tell('proxy_on_queue_ready', this.vm.callbacks.queueReady, NOTHING, queue, 0);
  }

  get deaf(): boolean {
    return this.#gone || this.vm.death !== undefined;
  }

  onForeignFunction(functionId: number, args: Buffer): void {
    const told: Told = { ...NOTHING, foreignArguments: new BodyBuffer(args) };
    const fn = this.vm.callbacks.foreignFunction;
    this.#tell('proxy_on_foreign_function', fn, told, functionId, args.length);
  }

  #onTick(): void {
    this.state.used?.();
    this.#tell('proxy_on_tick', this.vm.callbacks.tick, NOTHING, 0, 0);
  }

  /** Calls the guest, which may read `told` meanwhile. Never throws. */
  #tell(callback: string, fn: GuestFunction | undefined, told: Told, a: number, b: number): void {
    if (fn === undefined || this.#gone || this.vm.death !== undefined) return;
    this.#told = told;
    try {
      this.vm.call(this, callback, fn, this.id, a, b);
    } catch (error) {
      reportGuestError(this.state.log, error);
    } finally {
      this.#told = NOTHING;
    }
  }

  /** Called with what is told now, by contexts of streams too: the guest reads it on either. */
  toldFields(map: number): FieldMap | undefined {
    switch (map) {
      case MapType.GRPC_CALL_INITIAL_METADATA:
        return this.#told.initialMetadata;
      case MapType.GRPC_CALL_TRAILING_METADATA:
        return this.#told.trailingMetadata;
      case MapType.HTTP_CALL_RESPONSE_HEADERS:
        return this.#told.httpHeaders;
      case MapType.HTTP_CALL_RESPONSE_TRAILERS:
        return this.#told.httpTrailers;
      default:
        return undefined;
    }
  }

  /** As `toldFields`. */
  toldBuffer(type: number): BodyBuffer | undefined {
    switch (type) {
      case BufferType.HTTP_CALL_RESPONSE_BODY:
        return this.#told.httpBody;
      case BufferType.GRPC_CALL_MESSAGE:
        return this.#told.message;
      case BufferType.FOREIGN_FUNCTION_ARGUMENTS:
        return this.#told.foreignArguments;
      default:
        return undefined;
    }
  }

  /** The one stream of its VM has ended, and the guest with it: what it asked for and waits for no more goes out. */
  streamEnded(): void {
    this.#lastWords = this.vm.death === undefined;
    this.discard();
  }

  /** Its timer, calls and queues end; the guest hears of none of them any more. */
  protected override onGone(): void {
    this.#gone = true;
    this.timer.stop();
    if (this.#lastWords) this.calls.abortStreams();
    else this.calls.abortAll();
    if (this.hasQueues) this.state.services.store.leaveQueues(this, this.vm.death !== undefined);
  }

  override vmDied(death: GuestError, hostState: HostState): void {
    const { worksAlone } = this;
    super.vmDied(death, hostState);
    this.onDeath?.(worksAlone);
  }

  /** The guest knows it no more. */
  get gone(): boolean {
    return this.#gone;
  }

  override fields(map: number): FieldMap | undefined {
    return this.toldFields(map);
  }

  override buffer(type: number): BodyBuffer | undefined {
    if (type === BufferType.VM_CONFIGURATION) return this.#vmConfig;
    if (type === BufferType.PLUGIN_CONFIGURATION) return this.#pluginConfig;
    return this.toldBuffer(type);
  }

  override configuration(): BodyBuffer {
    return this.#pluginConfig ?? this.#vmConfig ?? super.configuration();
  }

  override property(path: string): Uint8Array | undefined {
    return pluginProperty(this.identity, path);
  }
}
