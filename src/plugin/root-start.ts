import { PluginError } from '../errors.ts';
import type { PluginOptions } from './plugin.ts';
import { RootContext } from './root-context.ts';
import type { PluginState } from './state.ts';
import type { Vm } from './vm.ts';

function reasonOf(vm: Vm): string {
  // What a guest says may have any characters; the error is one line.
  const said = (text: string) => text.replace(/\p{Cc}+/gu, ' ').trim();
  if (vm.refusal !== '') return said(vm.refusal);
  const logged = said(vm.lastError);
  return logged === '' ? 'it logged no reason' : `it logged: ${logged}`;
}

/** Creates a root context and lets the guest start and configure itself. @throws PluginError, GuestError */
export function startRoot(vm: Vm, options: PluginOptions, state: PluginState): RootContext {
  vm.lastError = '';
  vm.refusal = '';
  const root = new RootContext(vm, options, state);
  let started = false;
  let configured = false;
  try {
    started = root.start();
    configured = started && root.configure(options.config);
  } catch (error) {
    // Where the VM lives on (nobody watched its time), its timer and calls must not.
    if (vm.death === undefined) root.discard();
    throw error;
  }
  if (!configured) {
    const callback = started ? 'proxy_on_configure' : 'proxy_on_vm_start';
    root.discard();
    throw new PluginError(
      started ? 'PLUGIN_CONFIGURE_FAILED' : 'PLUGIN_START_FAILED',
      `${callback} returned false: the filter refuses its configuration (${reasonOf(vm)})`,
    );
  }
  root.started();
  return root;
}
