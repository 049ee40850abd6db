// Sends every visitor to a variant and keeps them there with a cookie.
//
// The hostcalls come from the SDK. Its callbacks (`export * from ".../proxy"`) would do too, but they keep one root
// context per VM, fail in proxy_on_done of a root context and build debug messages for every request; the six
// callbacks that this filter needs stand here instead.

import {
  BufferTypeValues,
  get_buffer_bytes,
  LogLevelValues,
  stream_context,
} from '@gcoredev/proxy-wasm-sdk-as/assembly';
import { Config } from './config';
import { findCookie } from './cookie';
import { log } from './log';

export { malloc } from '@gcoredev/proxy-wasm-sdk-as/assembly/malloc';

class Exchange {
  variant: string = '';
  isNew: bool = false;
  constructor(public root: u32) {}
}

const configs = new Map<u32, Config>(); // by root context
const exchanges = new Map<u32, Exchange>();

export function proxy_abi_version_0_2_1(): void {}

export function proxy_on_context_create(context: u32, root: u32): void {
  if (root != 0) exchanges.set(context, new Exchange(root));
}

export function proxy_on_configure(root: u32, size: u32): u32 {
  const config = Config.parse(String.UTF8.decode(get_buffer_bytes(BufferTypeValues.PluginConfiguration, 0, size)));
  if (config.error != '') {
    log(LogLevelValues.error, 'wrong configuration: ' + config.error);
    return 0;
  }
  configs.set(root, config);
  return 1;
}

export function proxy_on_request_headers(context: u32, count: u32, endOfStream: u32): u32 {
  if (!exchanges.has(context)) return 0;
  const exchange = exchanges.get(context);
  if (!configs.has(exchange.root)) return 0;
  const config = configs.get(exchange.root);
  const headers = stream_context.headers.request;
  const wanted = findCookie(headers.get_headers(), config.cookie);
  exchange.isNew = !config.has(wanted);
  exchange.variant = exchange.isNew ? config.choose(Math.random()) : wanted;
  // Not `replace`: the SDK aborts when the host refuses it.
  headers.remove(config.header);
  headers.add(config.header, exchange.variant);
  return 0;
}

export function proxy_on_response_headers(context: u32, count: u32, endOfStream: u32): u32 {
  if (!exchanges.has(context)) return 0;
  const exchange = exchanges.get(context);
  if (!exchange.isNew || !configs.has(exchange.root)) return 0;
  const config = configs.get(exchange.root);
  const age = config.maxAge > 0 ? '; Max-Age=' + config.maxAge.toString() : '';
  const text = config.cookie + '=' + exchange.variant + '; Path=/' + age + '; SameSite=Lax';
  stream_context.headers.response.add('set-cookie', text);
  return 0;
}

export function proxy_on_delete(context: u32): void {
  if (!exchanges.delete(context)) configs.delete(context);
}
