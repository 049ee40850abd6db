// add-header as a component: sets, adds and removes headers of requests and responses. README.md has the keys.
// What is exported here gets the names of the canonical ABI from exports.mjs.

import { dropped, free, MapType, newHttpContext, newPluginContext, result, take } from './abi';
import { Rules } from './rules';

export { cabi_realloc } from './abi';

const CONTINUE = 0; // action

class PluginContext {
  rules: Rules = new Rules();
}

class HttpContext {
  constructor(public rules: Rules) {}
}

export function PluginContext_constructor(): i32 {
  return newPluginContext(changetype<usize>(new PluginContext()));
}

export function PluginContext_onVmStart(self: PluginContext, configuration: usize, size: usize): usize {
  take(configuration, size);
  return result('');
}

export function PluginContext_onConfigure(self: PluginContext, configuration: usize, size: usize): usize {
  const rules = Rules.parse(take(configuration, size));
  if (rules.error != '') return result('wrong configuration: ' + rules.error);
  self.rules = rules;
  return result('');
}

export function PluginContext_onConfigure_done(result: usize): void {
  free(result);
}

export function PluginContext_createHttpContext(self: PluginContext, id: u32): i32 {
  return newHttpContext(changetype<usize>(new HttpContext(self.rules)));
}

export function PluginContext_onDone(self: PluginContext): bool {
  return true;
}

export function PluginContext_onLog(self: PluginContext): void {}

export function PluginContext_destructor(self: usize): void {
  dropped(self);
}

export function HttpContext_onRequestHeaders(self: HttpContext, count: u32, endOfStream: bool): i32 {
  self.rules.request.apply(MapType.RequestHeaders);
  return CONTINUE;
}

export function HttpContext_onResponseHeaders(self: HttpContext, count: u32, endOfStream: bool): i32 {
  self.rules.response.apply(MapType.ResponseHeaders);
  return CONTINUE;
}

export function HttpContext_onDone(self: HttpContext): bool {
  return true;
}

export function HttpContext_onLog(self: HttpContext): void {}

export function HttpContext_destructor(self: usize): void {
  dropped(self);
}
