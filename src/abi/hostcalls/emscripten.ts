import type { HostcallTable } from '../guest.ts';

/** Not in the specification: what modules built with Emscripten import from `env`. Envoy provides the same. */
export const emscripten: HostcallTable = {
  /** Tells that the memory grew; we see that ourselves. */
  emscripten_notify_memory_growth: () => () => undefined,
  pthread_equal: () => (left: number, right: number) => (left === right ? 1 : 0),
};
