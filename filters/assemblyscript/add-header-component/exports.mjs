// AssemblyScript exports identifiers only; the canonical ABI wants names like
// `weir:filter/http-headers@0.1.0#[method]http-context.on-request-headers`. This step of the compiler renames
// HttpContext_onRequestHeaders to that.

import { Transform } from 'assemblyscript/transform';

const MODULE = 'assembly/index';
const INTERFACE = 'weir:filter/http-headers@0.1.0';

const RESOURCES = {
  PluginContext: ['constructor', 'onVmStart', 'onConfigure', 'createHttpContext', 'onDone', 'onLog', 'destructor'],
  HttpContext: ['onRequestHeaders', 'onResponseHeaders', 'onDone', 'onLog', 'destructor'],
};
/** What frees a result once the host has read it. */
const POST_RETURN = { PluginContext: ['onConfigure'] };

const kebab = name => name.replace(/[A-Z]/g, (c, at) => (at > 0 ? '-' : '') + c.toLowerCase());

function canonical(resource, name) {
  if (name === 'constructor') return `[constructor]${kebab(resource)}`;
  if (name === 'destructor') return `[dtor]${kebab(resource)}`;
  return `[method]${kebab(resource)}.${kebab(name)}`;
}

export default class extends Transform {
  afterCompile(module) {
    const rename = (from, to) => {
      module.removeExport(from);
      module.addFunctionExport(`${MODULE}/${from}`, to);
    };
    for (const [resource, names] of Object.entries(RESOURCES)) {
      for (const name of names) rename(`${resource}_${name}`, `${INTERFACE}#${canonical(resource, name)}`);
    }
    for (const [resource, names] of Object.entries(POST_RETURN)) {
      for (const name of names) {
        rename(`${resource}_${name}_done`, `cabi_post_${INTERFACE}#${canonical(resource, name)}`);
      }
    }
  }
}
