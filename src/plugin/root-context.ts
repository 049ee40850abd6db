import { BufferType } from '../abi/types.ts';
import { BodyBuffer } from '../message/body.ts';
import type { PluginIdentity } from './properties.ts';
import { pluginProperty } from './properties.ts';
import type { PluginState } from './state.ts';
import type { Vm } from './vm.ts';
import { VmContext } from './vm-context.ts';

/** The context of a plugin, parent of its stream contexts. */
export class RootContext extends VmContext {
  readonly identity: PluginIdentity;
  #vmConfig: BodyBuffer | undefined;
  #pluginConfig: BodyBuffer | undefined;

  /** @throws GuestError */
  constructor(vm: Vm, identity: PluginIdentity, state: PluginState) {
    super(vm, state);
    this.identity = identity;
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

  override buffer(type: number): BodyBuffer | undefined {
    if (type === BufferType.VM_CONFIGURATION) return this.#vmConfig;
    if (type === BufferType.PLUGIN_CONFIGURATION) return this.#pluginConfig;
    return undefined;
  }

  override configuration(): BodyBuffer {
    return this.#pluginConfig ?? this.#vmConfig ?? super.configuration();
  }

  override property(path: string): Uint8Array | undefined {
    return pluginProperty(this.identity, path);
  }
}
