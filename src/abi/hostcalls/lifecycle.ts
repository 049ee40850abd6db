import type { HostcallTable } from '../guest.ts';

/** Chapter "Context lifecycle". */
export const lifecycle: HostcallTable = {
  /** `proxy_done() -> status`. OK; NOT_FOUND when the context is not waiting to be finalized. */
  proxy_done: guest => () => guest.host.done(),

  /** `proxy_set_effective_context(context_id) -> status`. OK; BAD_ARGUMENT for an unknown id. */
  proxy_set_effective_context: guest => (id: number) => guest.setEffectiveContext(id >>> 0),
};
