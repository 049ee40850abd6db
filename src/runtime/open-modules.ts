import { homedir } from 'node:os';
import type { ModulesConfig } from '../config/types.ts';
import { ModuleCache } from '../engine/cache.ts';
import { DiskCache, defaultCacheDirectory } from '../engine/disk-cache.ts';
import type { Log } from '../log.ts';
import { type CompiledFilter, compileFilter } from '../plugin/compile.ts';
import { CompiledModules } from './filter-modules.ts';

export interface OpenOptions {
  /** Modules that are at hand, by filter name: their files aren't read. */
  readonly bytes?: ReadonlyMap<string, Uint8Array> | undefined;
  /** What was made of the module should end. */
  readonly onEvict?: (module: CompiledFilter) => void;
}

/** The cache of a configuration's modules in this thread, with the one on disk behind it. */
export async function openModules(
  config: ModulesConfig,
  log: Log,
  { bytes, onEvict }: OpenOptions = {},
): Promise<CompiledModules> {
  const disk = await openDisk(config, log);
  return new CompiledModules(
    new ModuleCache<CompiledFilter>({
      ...config.cache,
      compile: compileFilter,
      disk,
      ...(onEvict !== undefined && { onEvict }),
    }),
    bytes,
  );
}

async function openDisk({ directory }: ModulesConfig, log: Log): Promise<DiskCache | undefined> {
  const path = directory ?? defaultCacheDirectory(process.env, process.platform, homedir());
  return path === undefined || path === '' ? undefined : DiskCache.open(path, log);
}
