import { BufferType, type PeerType, Status, StreamType } from '../abi/types.ts';
import type { GuestError, HostState } from '../errors.ts';
import type { BodyBuffer } from '../message/body.ts';
import type { FieldMap } from '../message/fields.ts';
import { tcpProperty } from './properties.ts';
import type { RootContext } from './root-context.ts';
import { type ContextOwner, StreamContext } from './stream-context.ts';
import { DOWNSTREAM, type Side, type TcpFilterContext, type TcpStream, UPSTREAM } from './tcp.ts';

/** FilterStatus: anything but Continue stops, as in Envoy. */
const CONTINUE = 0;

/** One filter on one TCP stream, as a guest knows it (specification, "TCP streams"). */
export class TcpContext extends StreamContext implements TcpFilterContext {
  readonly #stream: TcpStream;
  /** By side: what of its data the guest may see now. */
  readonly #data: [BodyBuffer | undefined, BodyBuffer | undefined] = [undefined, undefined];
  /** It stopped the connection when it was new. */
  #waits = false;

  /** @throws GuestError */
  constructor(root: RootContext, stream: TcpStream, isolation: 'shared' | 'request', plugin: ContextOwner) {
    super(root, plugin, isolation);
    this.#stream = stream;
    this.create(root.id);
  }

  onNewConnection(): boolean {
    const { vm } = this;
    const action = vm.call(this, 'proxy_on_new_connection', vm.callbacks.newConnection!, this.id, 0, 0);
    this.#waits = action !== CONTINUE;
    return !this.#waits;
  }

  onData(from: Side, data: BodyBuffer, endOfStream: boolean): boolean {
    const { vm } = this;
    this.#data[from] = data;
    const size = data.length;
    const action =
      from === DOWNSTREAM
        ? vm.call(this, 'proxy_on_downstream_data', vm.callbacks.downstreamData!, this.id, size, +endOfStream)
        : vm.call(this, 'proxy_on_upstream_data', vm.callbacks.upstreamData!, this.id, size, +endOfStream);
    if (action !== CONTINUE) return false;
    this.onResume(from);
    return true;
  }

  onResume(from: Side): void {
    this.#data[from] = undefined;
    if (from === DOWNSTREAM) this.#waits = false;
  }

  onClose(side: Side, by: PeerType): void {
    const { vm } = this;
    const { downstreamClose, upstreamClose } = vm.callbacks;
    if (side === DOWNSTREAM && downstreamClose !== undefined)
      vm.call(this, 'proxy_on_downstream_connection_close', downstreamClose, this.id, by, 0);
    else if (side === UPSTREAM && upstreamClose !== undefined)
      vm.call(this, 'proxy_on_upstream_connection_close', upstreamClose, this.id, by, 0);
  }

  protected get isStopped(): boolean {
    return this.#waits || this.#data.some(data => data !== undefined);
  }

  protected get properties(): Map<string, Buffer> {
    return this.#stream.properties;
  }

  protected override onLog(): void {
    this.#data.fill(undefined);
  }

  override fields(map: number): FieldMap | undefined {
    return this.root.toldFields(map);
  }

  override buffer(type: number): BodyBuffer | undefined {
    return this.writableBuffer(type) ?? this.root.toldBuffer(type);
  }

  override writableBuffer(type: number): BodyBuffer | undefined {
    if (type === BufferType.DOWNSTREAM_DATA) return this.#data[DOWNSTREAM];
    return type === BufferType.UPSTREAM_DATA ? this.#data[UPSTREAM] : undefined;
  }

  override property(path: string): Uint8Array | undefined {
    return tcpProperty(this.root.identity, this.#stream, path);
  }

  override continueStream(stream: number): Status {
    if (stream === StreamType.DOWNSTREAM) this.#stream.resume(this, DOWNSTREAM);
    else if (stream === StreamType.UPSTREAM) this.#stream.resume(this, UPSTREAM);
    else return Status.UNIMPLEMENTED;
    return Status.OK;
  }

  override closeStream(stream: number): Status {
    if (stream !== StreamType.DOWNSTREAM && stream !== StreamType.UPSTREAM) return Status.UNIMPLEMENTED;
    this.#stream.close(this);
    return Status.OK;
  }

  protected override connectStreamTo(upstream: string): Status {
    return this.#stream.connectTo(upstream) ? Status.OK : Status.NOT_FOUND;
  }

  override vmDied(death: GuestError, hostState: HostState): void {
    super.vmDied(death, hostState);
    this.#stream.died(this, `its VM ended: ${death.message}`, hostState);
  }
}
