import { noTcp } from '../chain/tcp-stage.ts';
import type { WeirConfig } from '../config/types.ts';
import type { WeirError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FilterSource } from './filter-source.ts';
import { placed } from './start-error.ts';

/**
 * Faults of filters in TCP listeners that can be no part of such. A module that has none of the callbacks passes
 * everything, as in Envoy; that it may not have been meant so is logged.
 */
export function tcpFaults(
  { listeners }: WeirConfig,
  sources: readonly FilterSource[],
  log: Log,
): readonly WeirError[] {
  const names = new Set(listeners.flatMap(each => (each.protocol === 'tcp' ? each.filters : [])));
  const errors: WeirError[] = [];
  for (const { config, plugin } of sources) {
    // One that is loaded with its first connection fails then.
    if (plugin === undefined || !names.has(config.name)) continue;
    const { tcp } = plugin;
    if (tcp === undefined) errors.push(placed(config, noTcp(config.name)));
    else if (!Object.values(tcp).some(Boolean)) {
      const text = `filter ${config.name} is in a tcp listener and has no callback for TCP streams: it passes everything`;
      log.warn({ filter: config.name }, text);
    }
  }
  return errors;
}
