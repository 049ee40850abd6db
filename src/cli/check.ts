import { loadConfig } from '../config/load.ts';
import type { WeirConfig } from '../config/types.ts';
import { checkFilters } from '../runtime/weir.ts';
import { ErrorLines } from './logger.ts';

/** `weir check`: every fault of a configuration and its filters. 0, or 1 when there is any. */
export async function check(file: string): Promise<number> {
  const config = loadConfig(file);
  const log = new ErrorLines();
  const errors = await checkFilters(config, log);
  if (errors.length > 0) {
    const lines = errors.flatMap(({ message }) => [message, ...said(message, config, log)]);
    process.stderr.write(`${lines.join('\n')}\n`);
    return 1;
  }
  process.stdout.write(`ok: ${counts(config)}\n`);
  return 0;
}

/** What the filter that an error is of has logged and the error doesn't tell: what it panicked of, say. */
function said(message: string, { filters }: WeirConfig, log: ErrorLines): string[] {
  const name = [...filters.keys()].find(each => message.includes(`: filters.${each}: `));
  const lines = name === undefined ? [] : log.of(name);
  // It may have any characters.
  const clean = lines.map(line => line.replace(/\p{Cc}+/gu, ' ').trim());
  return clean.filter(line => line !== '' && !message.includes(line)).map(line => `    it logged: ${line}`);
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
