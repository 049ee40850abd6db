import { createRequire } from 'node:module';
import type HttpProxy from 'http-proxy';

const require = createRequire(import.meta.url);

/**
 * http-proxy 1.18.1 reads `util._extend` when it is loaded and calls it per request, which makes Node print
 * DEP0060. Object.assign is what that function is; http-proxy keeps the one it finds.
 */
function load(): typeof HttpProxy {
  const util = require('node:util') as object;
  const original = Object.getOwnPropertyDescriptor(util, '_extend');
  Object.defineProperty(util, '_extend', { value: Object.assign, configurable: true, writable: true });
  try {
    return require('http-proxy') as typeof HttpProxy;
  } finally {
    if (original !== undefined) Object.defineProperty(util, '_extend', original);
  }
}

let loaded: typeof HttpProxy | undefined;

/** http-proxy, loaded when it is first needed (with TLS, 12 ms), and so that it prints no deprecation warning. */
export function httpProxy(): typeof HttpProxy {
  loaded ??= load();
  return loaded;
}
