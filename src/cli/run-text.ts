import { styleText } from 'node:util';
import type { ListenerConfig, RouteConfig, UpstreamConfig, WeirConfig } from '../config/types.ts';

interface BoundAddress {
  /** Name of the listener. */
  readonly listener: string;
  readonly url: string;
}

/** What of a running Weir is told. */
interface Bound {
  readonly addresses: readonly BoundAddress[];
  /** URL of the admin listener. */
  readonly admin?: string | undefined;
}

/** What `weir run` says once it serves: addresses, each route's chain, a curl to try. Coloured on a terminal. */
export function runText(config: WeirConfig, weir: Bound, version: string): string {
  const { addresses, admin } = weir;
  const lines = [`${bold('weir')} ${version}, ${config.file}`, ''];
  for (const { listener, url } of addresses) {
    const found = config.listeners.find(({ name }) => name === listener);
    lines.push(bold(url), ...(found === undefined ? [] : routeLines(found, config)), '');
  }
  if (admin !== undefined) lines.push(`${bold(admin)}/metrics, /healthz`, '');
  const curl = curlLine(config, addresses);
  if (curl !== '') lines.push(`Try: ${bold(curl)}`, '');
  return `${lines.join('\n')}`;
}

function routeLines(listener: ListenerConfig, config: WeirConfig): string[] {
  if (listener.protocol === 'tcp') return [`  ${wayText(listener, config)}`];
  const { routes } = listener;
  const matches = routes.map(matchText);
  const width = Math.max(...matches.map(({ length }) => length));
  return routes.map((route, index) => {
    return `  ${(matches[index] ?? '').padEnd(width)}  ${wayText(route, config)}`;
  });
}

/** The filters and the upstream, of a route or of a TCP listener. */
function wayText(way: Pick<RouteConfig, 'filters' | 'upstream'>, config: WeirConfig): string {
  const chain = way.filters.map(name => filterText(name, config));
  const upstream = config.upstreams.get(way.upstream);
  return [...chain, upstream === undefined ? way.upstream : upstreamText(upstream)].join(dim(' → '));
}

function matchText({ match }: RouteConfig): string {
  const { host, path, methods, headers } = match;
  const parts: string[] = [];
  if (methods !== undefined) parts.push(methods.join('|'));
  if (host !== undefined || path !== undefined) parts.push(`${host ?? ''}${pathText(path)}`);
  for (const [name, value] of Object.entries(headers ?? {})) {
    parts.push(value === true ? `${name}: (any)` : `${name}: ${value}`);
  }
  return parts.join(' ') || 'everything';
}

function pathText(path: RouteConfig['match']['path']): string {
  if (path === undefined) return '';
  return path.kind === 'prefix' ? `${path.value}*` : path.kind === 'exact' ? path.value : `~${path.value}`;
}

/** `name (file.wasm)`, or the name alone when the file is called the same. */
function filterText(name: string, { filters }: WeirConfig): string {
  const file = filters.get(name)?.moduleText.split('/').at(-1) ?? '';
  return file === `${name}.wasm` ? name : `${name} (${file})`;
}

function upstreamText({ name, endpoints }: UpstreamConfig): string {
  const [first] = endpoints;
  const more = endpoints.length > 1 ? `, ${endpoints.length - 1} more` : '';
  return `${name} (${first?.url ?? ''}${more})`;
}

/** A curl for the route that takes the plainest request: one with the fewest conditions, and no regular expression. */
function curlLine(config: WeirConfig, addresses: readonly BoundAddress[]): string {
  const candidates = addresses.flatMap(({ listener, url }) => {
    const found = config.listeners.find(({ name }) => name === listener);
    return found?.protocol === 'http' ? found.routes.map(route => ({ url, route })) : [];
  });
  const simple = candidates
    .filter(({ route }) => route.match.path?.kind !== 'regex')
    .sort((a, b) => Object.keys(a.route.match).length - Object.keys(b.route.match).length);
  const best = simple[0];
  return best === undefined ? '' : curl(best.route, best.url);
}

function curl({ match }: RouteConfig, url: string): string {
  const headers: Record<string, string | true> = {
    ...(match.host !== undefined && { host: match.host.replace('*', 'www') }),
    ...match.headers,
  };
  const options = Object.entries(headers).map(
    ([name, value]) => ` -H ${quoted(`${name}: ${value === true ? 'x' : value}`)}`,
  );
  const method = match.methods?.[0] ?? 'GET';
  if (method === 'HEAD') options.push(' --head');
  else if (method !== 'GET') options.push(` -X ${method}`);
  // An address that stands for all of them is no address to call.
  const base = url.replace(/\/\/(\[::\]|0\.0\.0\.0)(?=:)/, '//localhost').replace(/\/$/, '');
  const target = `${base}${match.path?.value ?? '/'}`;
  return `curl -i${options.join('')} ${/^[\w.:/[\]-]+$/.test(target) && !target.includes('[') ? target : quoted(target)}`;
}

/** For a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bold(text: string): string {
  return styleText('bold', text, { stream: process.stdout });
}

function dim(text: string): string {
  return styleText('dim', text, { stream: process.stdout });
}
