import { loadConfig } from '../config/load.ts';
import type { WeirConfig } from '../config/types.ts';
import { checkFilters } from '../runtime/weir.ts';
import { silentLog } from './logger.ts';

/** `weir check`: every fault of a configuration and its filters. 0, or 1 when there is any. */
export async function check(file: string): Promise<number> {
  const config = loadConfig(file);
  const errors = await checkFilters(config, silentLog());
  if (errors.length > 0) {
    process.stderr.write(`${errors.map(error => error.message).join('\n')}\n`);
    return 1;
  }
  process.stdout.write(`ok: ${counts(config)}\n`);
  return 0;
}

function counts({ listeners, filters }: WeirConfig): string {
  const routes = listeners.reduce((sum, listener) => sum + listener.routes.length, 0);
  const several = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  const parts = [
    several(listeners.length, 'listener'),
    several(routes, 'route'),
    several(filters.size, 'filter'),
  ];
  return `${parts.join(', ')} started`;
}
