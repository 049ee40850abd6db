/**
 * Weir as a target. Its input is a `file`, or a configuration as `text` in which `UPSTREAM` stands for the upstream's
 * URL. Listeners get free ports
 * of loopback.
 */
import { loadConfig, loadConfigText } from '../config/load.ts';
import type { UpstreamConfig, WeirConfig } from '../config/types.ts';
import type { Log } from '../log.ts';
import { startWeir } from '../runtime/weir.ts';
import { serveTarget } from './target.ts';

export interface WeirTarget {
  readonly file?: string;
  readonly text?: string;
  /** Only the listener of this name, and of this route's chain the first so many filters. */
  readonly listener?: string;
  readonly route?: string;
  readonly filters?: number;
  /** Instead of the first so many: the one at this place alone. */
  readonly only?: number;
  /** Send requests where the file says, not to the benchmark's upstream. */
  readonly realUpstreams?: boolean;
}

const ignore = () => {};
/** What filters log per request would be measured with them; a filter that doesn't start is an error, not a line. */
const silent: Log = {
  level: 'silent',
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  isLevelEnabled: () => false,
};

/** All endpoints are the benchmark's upstream. */
function redirected(upstream: UpstreamConfig, url: string): UpstreamConfig {
  const { hostname, port } = new URL(url);
  return { ...upstream, endpoints: [{ url, kind: 'http', host: hostname, port: Number(port) }] };
}

function prepared(config: WeirConfig, target: WeirTarget, url: string): WeirConfig {
  const { listener: place, route: name, filters: count, only, realUpstreams = false } = target;
  const measured = config.listeners
    .filter(listener => listener.protocol === 'http')
    .filter(listener => place === undefined || listener.name === place);
  const listeners = measured.map(listener => ({
    ...listener,
    host: '127.0.0.1',
    port: 0,
    routes: listener.routes.map(route => {
      if (route.name !== name) return route;
      if (only !== undefined) return { ...route, filters: route.filters.slice(only, only + 1) };
      return { ...route, filters: route.filters.slice(0, count) };
    }),
  }));
  const upstreams = new Map(
    [...config.upstreams].map(([key, upstream]) => [
      key,
      realUpstreams ? upstream : redirected(upstream, url),
    ]),
  );
  // One thread, unless somebody wants to know what several do: the machine's cores are for the generator, too.
  const workers = config.workers === 'auto' ? 1 : config.workers;
  return { ...config, listeners, upstreams, workers, admin: undefined };
}

serveTarget(async (upstream, input) => {
  const target = input as WeirTarget;
  const { file, text } = target;
  const config =
    file === undefined
      ? loadConfigText(text!.replaceAll('UPSTREAM', upstream), 'loadtest/weir.yaml')
      : loadConfig(file);
  const weir = await startWeir(prepared(config, target, upstream), silent);
  return weir.addresses[0]!.url;
});
