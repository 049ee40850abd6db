import type { CompiledComponent } from '../component/compile.ts';
import { filterCore, interfaceOf } from '../component/filter/link.ts';
import { INTERFACES, PACKAGE } from '../component/filter/types.ts';
import { rootOf, unversioned } from '../component/root.ts';
import { ungranted } from '../component/wasi/index.ts';
import type { Capabilities } from '../config/types.ts';
import { type CompiledModule, sha256 } from '../engine/compile.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { ModuleError } from '../errors.ts';
import { ComponentVm } from './component-vm.ts';
import type { PluginState } from './state.ts';
import type { Phases } from './types.ts';
import type { Vm, VmSpec } from './vm.ts';

/** How a component of the world weir:filter and this host fit together: worked out once, used for every instance. */
export interface ComponentLinkage {
  /** The interface it exports, for example `weir:filter/http@0.1.0`. */
  readonly exported: string;
  /** The core module whose calls go straight to the host; undefined: all go through jco's glue. */
  readonly core: CompiledModule | undefined;
  /** What it imports of WASI, without versions. */
  readonly wasi: readonly string[];
  readonly phases: Phases;
}

/** `straight: false`: all calls go through jco's glue. @throws ModuleError when it is no filter */
export function linkComponent(compiled: CompiledComponent, straight: boolean): ComponentLinkage {
  const [part] = compiled.parts;
  const { imports, exports } = rootOf(part!.wit);
  const exported = exports.find(id => id.startsWith(PACKAGE));
  const sees = exported === undefined ? undefined : INTERFACES[interfaceOf(exported)];
  if (exported === undefined || sees === undefined) {
    throw new ModuleError(
      'MODULE_NO_ABI',
      `the component is no filter: it exports ${exports.join(', ') || 'nothing'}`,
    );
  }
  const writes = [...part!.cores.values()].some(({ module }) =>
    WebAssembly.Module.imports(module).some(
      i => i.name === 'write' && i.module.startsWith(`${PACKAGE}body@`),
    ),
  );
  return {
    exported,
    core: straight ? filterCore(part!, exported, imports) : undefined,
    wasi: [...new Set(imports.filter(id => id.startsWith('wasi:')).map(unversioned))],
    phases: {
      requestHeaders: true,
      requestBody: sees.body,
      requestTrailers: sees.body,
      responseHeaders: sees.response,
      responseBody: sees.response && sees.body,
      responseTrailers: sees.response && sees.body,
      changesBodies: writes,
    },
  };
}

/** What the VMs of a component are made from. */
export class ComponentSpec implements VmSpec {
  readonly compiled: CompiledComponent;
  readonly linkage: ComponentLinkage;
  readonly key: string;
  readonly vmConfig: Buffer;
  readonly env: Readonly<Record<string, string>>;
  readonly grants: Capabilities;

  /** @throws ModuleError MODULE_NOT_GRANTED: it imports what was not granted */
  constructor(
    compiled: CompiledComponent,
    linkage: ComponentLinkage,
    options: {
      readonly vmId: string;
      readonly vmConfig: Buffer;
      readonly env: Readonly<Record<string, string>>;
      readonly capabilities: Capabilities;
    },
  ) {
    const { vmId, vmConfig, capabilities } = options;
    const missing = ungranted(linkage.wasi, capabilities);
    if (missing.length > 0) {
      const wants = missing.map(({ import: name, grant }) => `${name} (capabilities: {${grant}})`).join(', ');
      throw new ModuleError('MODULE_NOT_GRANTED', `the component imports what it was not granted: ${wants}`);
    }
    this.compiled = compiled;
    this.linkage = linkage;
    this.vmConfig = vmConfig;
    this.grants = capabilities;
    this.env = { ...granted(capabilities.env), ...options.env };
    this.key = JSON.stringify([compiled.key, vmId, sha256(vmConfig), this.env, capabilities]);
  }

  get phases(): Phases {
    return this.linkage.phases;
  }

  make(state: PluginState, interrupter: Interrupter): Vm {
    return new ComponentVm(this, state, interrupter);
  }
}

/** Those of Weir's own variables. */
function granted(names: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
