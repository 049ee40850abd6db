import { PluginError } from '../errors.ts';
import type { PluginOptions } from './plugin.ts';
import { RootContext } from './root-context.ts';
import type { PluginState } from './state.ts';
import type { Vm } from './vm.ts';

/** Creates a root context and lets the guest start and configure itself. @throws PluginError, GuestError */
export function startRoot(vm: Vm, options: PluginOptions, state: PluginState): RootContext {
  vm.lastError = '';
  const root = new RootContext(vm, options, state);
  const started = root.start();
  if (!started || !root.configure(options.config)) {
    const callback = started ? 'proxy_on_configure' : 'proxy_on_vm_start';
    // What a guest logs may have any characters; the error is one line.
    const logged = vm.lastError.replace(/\p{Cc}+/gu, ' ').trim();
    const reason = logged === '' ? 'it logged no reason' : `it logged: ${logged}`;
    vm.contexts.delete(root.id);
    throw new PluginError(
      started ? 'PLUGIN_CONFIGURE_FAILED' : 'PLUGIN_START_FAILED',
      `${callback} returned false: the filter refuses its configuration (${reason})`,
    );
  }
  root.started();
  return root;
}
