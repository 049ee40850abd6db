import type { CompiledComponent } from '../component/compile.ts';
import { DENIABLE } from '../component/filter/denials.ts';
import { filterCore } from '../component/filter/link.ts';
import { INTERFACES, PACKAGE } from '../component/filter/types.ts';
import { withoutVersion } from '../component/interface-name.ts';
import { grantsText, ungranted } from '../component/wasi/index.ts';
import type { Capabilities } from '../config/types.ts';
import { type CompiledModule, sha256 } from '../engine/compile.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { ModuleError } from '../errors.ts';
import { phasesSeen, phasesWithout } from './callbacks.ts';
import { grantedEnv } from './capabilities.ts';
import { ComponentVm } from './component-vm.ts';
import type { PluginState } from './state.ts';
import type { Phases } from './types.ts';
import type { Vm, VmSpec } from './vm.ts';

/** How a component of the world weir:filter and this host fit together: worked out once, used for every instance. */
export interface ComponentLinkage {
  /** The interface it exports, for example `weir:filter/http@0.1.0`. */
  readonly exported: string;
  /** Those beside it by which it hears of more than its streams. */
  readonly events: readonly string[];
  /** The core module whose calls go straight to the host; undefined: all go through jco's glue. */
  readonly core: CompiledModule | undefined;
  /** What it and its plugs import of WASI, without versions. */
  readonly wasi: readonly string[];
  readonly phases: Phases;
}

/** `straight: false`: all calls go through jco's glue. */
export function linkComponent({ parts, world }: CompiledComponent, straight: boolean): ComponentLinkage {
  const part = parts.at(-1)!;
  const imports = part.wit.imports.map(each => each.name);
  const events = world.kind === 'filter' ? world.events : [];
  const sees = INTERFACES[withoutVersion(world.export).slice(PACKAGE.length)]!;
  return {
    exported: world.export,
    events,
    core: straight && !part.composed ? filterCore(part, world.export, events, imports) : undefined,
    wasi: wasiOf(parts),
    phases: phasesSeen(
      sees,
      parts.some(({ wit }) =>
        wit.imports.some(each => withoutVersion(each.name) === `${PACKAGE}body` && each.items.has('write')),
      ),
    ),
  };
}

/** Interfaces of WASI that a composition imports, without versions. */
export function wasiOf(parts: CompiledComponent['parts']): string[] {
  const names = parts.flatMap(({ wit }) => wit.imports.map(each => withoutVersion(each.name)));
  return [...new Set(names.filter(name => name.startsWith('wasi:')))];
}

/** What a component's configuration says of the world outside. */
export interface Outside {
  readonly env: Readonly<Record<string, string>>;
  readonly capabilities: Capabilities;
}

/** The environment a component sees. @throws ModuleError MODULE_NOT_GRANTED: it imports what was not granted */
export function checkedEnv(wasi: readonly string[], { env, capabilities }: Outside): Record<string, string> {
  const missing = ungranted(wasi, capabilities);
  if (missing.length > 0) {
    const names = missing.map(needed => needed.import).join(', ');
    throw new ModuleError(
      'MODULE_NOT_GRANTED',
      `the component imports what it was not granted: ${names} (write ${grantsText(missing)} to grant it)`,
    );
  }
  return grantedEnv(env, capabilities.env);
}

/** Resources are made and dropped by these: without them nothing can be called. */
const NEEDED = ['proxy_on_context_create', 'proxy_on_delete'];

/** @throws ModuleError MODULE_UNSUPPORTED: components have no such hostcall, or can't do without the callback */
function checkDeniable({ hostcalls, callbacks }: Capabilities): void {
  const wrong = [
    ...hostcalls.deny.filter(name => !DENIABLE.has(name)),
    ...callbacks.deny.filter(name => NEEDED.includes(name)),
  ];
  if (wrong.length === 0) return;
  throw new ModuleError(
    'MODULE_UNSUPPORTED',
    `capabilities deny what can't be denied to a component: ${wrong.join(', ')} (remove it)`,
  );
}

/** What the VMs of a component are made from. */
export class ComponentSpec implements VmSpec {
  readonly compiled: CompiledComponent;
  readonly linkage: ComponentLinkage;
  readonly key: string;
  readonly vmConfig: Buffer;
  readonly warm = new Set<string>();
  readonly env: Readonly<Record<string, string>>;
  readonly grants: Capabilities;
  readonly phases: Phases;

  /** @throws ModuleError MODULE_NOT_GRANTED, MODULE_UNSUPPORTED */
  constructor(
    compiled: CompiledComponent,
    linkage: ComponentLinkage,
    options: Outside & { readonly vmId: string; readonly vmConfig: Buffer },
  ) {
    const { vmId, vmConfig, capabilities } = options;
    checkDeniable(capabilities);
    this.compiled = compiled;
    this.linkage = linkage;
    this.vmConfig = vmConfig;
    this.grants = capabilities;
    this.phases = phasesWithout(linkage.phases, capabilities.callbacks.deny);
    this.env = checkedEnv(linkage.wasi, options);
    this.key = JSON.stringify([compiled.key, vmId, sha256(vmConfig), this.env, capabilities]);
  }

  make(state: PluginState, interrupter: Interrupter): Vm {
    return new ComponentVm(this, state, interrupter);
  }
}
