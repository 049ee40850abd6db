import { Status } from '../abi/types.ts';
import type { Caller } from './calls.ts';
import { isHostProperty } from './properties.ts';
import type { RootContext } from './root-context.ts';
import { ServiceContext } from './service-context.ts';

/** Who counts the contexts: the plugin. */
export interface ContextOwner {
  /** Called once for each context. */
  contextGone(): void;
  readonly retired: boolean;
}

/** What the contexts of HTTP and TCP streams have in common: their calls, their properties, their end. */
export abstract class StreamContext extends ServiceContext implements Caller {
  readonly #root: RootContext;
  readonly #plugin: ContextOwner;
  readonly #isolation: 'shared' | 'request';
  pendingCalls = 0;
  /** Of the properties it set: paths and values. */
  #propertyBytes = 0;

  constructor(root: RootContext, plugin: ContextOwner, isolation: 'shared' | 'request') {
    super(root.vm, root.state, plugin);
    this.callTime = root.state.limits.callTime;
    this.#root = root;
    this.#plugin = plugin;
    this.#isolation = isolation;
  }

  get root(): RootContext {
    return this.#root;
  }

  protected override get caller(): Caller {
    return this;
  }

  /** It holds a direction of its stream. */
  protected abstract get isStopped(): boolean;

  /** What filters set on the stream. */
  protected abstract get properties(): Map<string, Buffer>;

  override setProperty(path: string, value: Buffer): Status {
    if (isHostProperty(path)) return Status.BAD_ARGUMENT;
    const { properties } = this;
    const old = properties.get(path);
    const bytes = this.#propertyBytes + value.length - (old?.length ?? -path.length);
    if (bytes > this.limits.propertyBytes) {
      this.hit('propertyBytes');
      return Status.BAD_ARGUMENT;
    }
    this.#propertyBytes = bytes;
    properties.set(path, value);
    return Status.OK;
  }

  override finish(): void {
    // What was sent and not waited for is sent, as in Envoy.
    if (this.pendingCalls > 0 && this.isStopped) this.#root.calls.cancelOf(this);
    super.finish();
    // Nobody else is in its VM who could make it say proxy_done.
    if (this.#isolation === 'request' || this.#plugin.retired) this.forceEnd();
  }

  protected override onGone(): void {
    if (this.#isolation === 'request') {
      this.#root.streamEnded();
      this.vm.end();
    }
    this.#plugin.contextGone();
  }
}
