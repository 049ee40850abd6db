import type { WeirConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import { AdminListener } from './admin.ts';
import type { CompiledModules } from './filter-modules.ts';
import { filtersInUse } from './filters-in-use.ts';
import { Metrics } from './metrics.ts';
import { openModules } from './open-modules.ts';
import { readModules } from './reading.ts';
import { ServingThread } from './serving-thread.ts';
import { openState, SharedState } from './shared-state.ts';
import { type RunningWeir, urlOf } from './weir.ts';

/** `workers: 1`: everything in this thread. @throws StartError; WeirError LISTEN_FAILED. Nothing stays open then. */
export async function startAlone(config: WeirConfig, log: Log): Promise<RunningWeir> {
  let modules: CompiledModules | undefined;
  const shared = new SharedState(config.sharedData, filtersInUse(config, true));
  const state = await openState(shared.handle(0), log);
  const thread = await ServingThread.start(config, log, {
    state,
    singletons: true,
    modulesOf: async onEvict => {
      modules = await openModules(config.modules, log, { onEvict });
      return modules;
    },
  });
  const metrics = new Metrics(
    async () => [
      { workers: [[[], 1]], worker_restarts_total: [[[], 0]] },
      thread.reading(),
      readModules(modules!),
    ],
    shared.metrics,
  );
  let closing: Promise<void> | undefined;
  const admin = config.admin && new AdminListener(config.admin, metrics, () => closing === undefined);
  try {
    const adminUrl = await admin?.listen();
    const bound = await thread.listen();
    const close = async () => {
      await thread.close(config.shutdown.drain);
      await admin?.close();
    };
    return {
      addresses: bound.map(address => ({ listener: address.listener, url: urlOf(address) })),
      admin: adminUrl,
      threads: 0,
      metrics: () => metrics.text(),
      close: () => {
        closing ??= close();
        return closing;
      },
    };
  } catch (error) {
    await admin?.close();
    await thread.close(0);
    throw error;
  }
}
