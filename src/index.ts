/**
 * Weir as a library: a filter chain in a server or an http-proxy instance of your own, or the whole proxy.
 */

export { createFilterChain } from './adapter/create.ts';
export type {
  EmbeddedChain,
  Middleware,
  Next,
  RequestHandler,
  UpgradeHandler,
} from './adapter/embedded-chain.ts';
export { type HttpProxyLike, withFilterChain } from './adapter/http-proxy.ts';
export type { CapabilityOptions, FilterChainOptions, FilterOptions } from './adapter/options.ts';
export { loadConfig, loadConfigText } from './config/load.ts';
export type * from './config/types.ts';
export * from './errors.ts';
export type { Log, LogLevel } from './log.ts';
export {
  type CodeReport,
  type ComponentReport,
  type CoreReport,
  type ExportReport,
  type ImportReport,
  type InterfaceReport,
  inspectModule,
  type LoadReport,
  type ModuleReport,
} from './plugin/inspect.ts';
export type { ForeignCaller, ForeignFunction } from './plugin/services.ts';
export { StartError } from './runtime/start-error.ts';
export { type RunningWeir, startWeir } from './runtime/weir.ts';
