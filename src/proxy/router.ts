import { isIPv6 } from 'node:net';
import type { ChainSource } from '../chain/types.ts';
import type { RouteConfig } from '../config/types.ts';
import type { RequestHeaders } from '../message/headers.ts';
import type { TargetInfo } from '../message/info.ts';
import { matchPath } from './path-match.ts';
import type { RequestCounts } from './request-counts.ts';
import type { Upstream } from './upstream.ts';

/** Where a request goes, and through which filters. */
export interface Route {
  readonly name: string;
  readonly config: RouteConfig;
  readonly chain: ChainSource;
  readonly upstream: Upstream;
  readonly target: TargetInfo;
  readonly counts: RequestCounts;
}

type Condition = (request: RequestHeaders, path: string) => boolean;

interface CompiledRoute<R> {
  readonly route: R;
  readonly conditions: readonly Condition[];
}

/** The routes of one listener, in order; the first that matches wins. */
export class Router<R extends { readonly config: RouteConfig } = Route> {
  /** How many routes there are: with one, asking again can't lead elsewhere. */
  readonly size: number;
  /** In order. */
  readonly routes: readonly R[];
  readonly #routes: readonly CompiledRoute<R>[];
  readonly #catchAll: R | undefined;

  constructor(routes: readonly R[]) {
    this.size = routes.length;
    this.routes = routes;
    this.#routes = routes.map(route => ({ route, conditions: compile(route.config) }));
    const first = this.#routes[0];
    this.#catchAll = first?.conditions.length === 0 ? first.route : undefined;
  }

  match(request: RequestHeaders): R | undefined {
    if (this.#catchAll !== undefined) return this.#catchAll;
    const path = matchPath(request.path);
    for (const { route, conditions } of this.#routes) {
      if (conditions.every(holds => holds(request, path))) return route;
    }
    return undefined;
  }
}

/** The cheapest conditions first. */
function compile(config: RouteConfig): Condition[] {
  const { methods, path, host, headers } = config.match;
  const conditions: Condition[] = [];
  if (methods !== undefined) conditions.push(request => methods.includes(request.method));
  if (path !== undefined) conditions.push(pathCondition(path.kind, path.value));
  if (host !== undefined) conditions.push(hostCondition(host.toLowerCase()));
  for (const [name, expected] of Object.entries(headers ?? {})) {
    conditions.push(headerCondition(name.toLowerCase(), expected));
  }
  return conditions;
}

function pathCondition(kind: 'prefix' | 'exact' | 'regex', value: string): Condition {
  if (kind === 'exact') return (_request, path) => path === value;
  if (kind === 'prefix') return (_request, path) => path.startsWith(value);
  const pattern = new RegExp(value, 'u');
  return (_request, path) => pattern.test(path);
}

function hostCondition(host: string): Condition {
  if (!host.startsWith('*.')) {
    const wanted = hostName(host.startsWith('[') || !isIPv6(host) ? host : `[${host}]`);
    return request => hostName(request.authority) === wanted;
  }
  const suffix = host.slice(1);
  return request => {
    const name = hostName(request.authority);
    return name.length > suffix.length && name.endsWith(suffix);
  };
}

/** Any of several fields of that name may have the value. */
function headerCondition(name: string, expected: string | true): Condition {
  if (name === 'host') {
    return request => (expected === true ? request.authority !== '' : request.authority === expected);
  }
  return request => {
    const { raw } = request;
    for (let i = 0; i < raw.length; i += 2) {
      if (raw[i]!.length !== name.length || raw[i]!.toLowerCase() !== name) continue;
      if (expected === true || raw[i + 1] === expected) return true;
    }
    return false;
  };
}

/** The name in an authority: lower-case, without port and without the dot that may end it. */
export function hostName(authority: string): string {
  const port = authority.startsWith('[') ? authority.indexOf(']') + 1 : authority.indexOf(':');
  let name = port > 0 ? authority.slice(0, port) : authority;
  if (name.endsWith('.')) name = name.slice(0, -1);
  return name.toLowerCase();
}
