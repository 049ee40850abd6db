import { type CompiledComponent, compileComponent } from '../component/compile.ts';
import { Glue } from '../component/glue.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import type { CompiledComponentFilter } from './compile.ts';
import { type ComponentLinkage, ComponentSpec, linkComponent } from './component-spec.ts';
import type { PluginOptions } from './plugin.ts';
import type { PostedComponent } from './posted.ts';
import type { PluginState } from './state.ts';
import type { Upstreams } from './upstreams.ts';
import type { VmSpec } from './vm.ts';
import { WasiHttpPlugin } from './wasi-http-plugin.ts';

/** All that is needed to run components: loaded with the first one. */
export interface ComponentHost {
  readonly compile: typeof compileComponent;
  /** One that another thread compiled. @throws ModuleError */
  receive(posted: PostedComponent): CompiledComponent;
  /** `straight: false`: all calls go through jco's glue. @throws ModuleError MODULE_NOT_GRANTED */
  spec(compiled: CompiledComponent, options: PluginOptions, straight: boolean): VmSpec;
  /** One whose world is `http`. @throws ModuleError MODULE_NOT_GRANTED */
  handler(
    compiled: CompiledComponentFilter,
    options: PluginOptions,
    state: PluginState,
    interrupter: Interrupter,
    upstreams: Upstreams | undefined,
  ): WasiHttpPlugin;
}

const linkages = new WeakMap<CompiledComponent, ComponentLinkage>();

function linkageOf(compiled: CompiledComponent): ComponentLinkage {
  let linkage = linkages.get(compiled);
  if (linkage === undefined) {
    linkage = linkComponent(compiled, true);
    linkages.set(compiled, linkage);
  }
  return linkage;
}

export const COMPONENTS: ComponentHost = {
  compile: compileComponent,

  receive: posted => ({
    ...posted,
    parts: posted.parts.map(part => ({ ...part, glue: Glue.received(part.glue) })),
  }),

  spec(compiled, options, straight) {
    const linkage = straight ? linkageOf(compiled) : linkComponent(compiled, false);
    return new ComponentSpec(compiled, linkage, options);
  },

  handler: (...args) => new WasiHttpPlugin(...args),
};
