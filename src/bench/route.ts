import type { HttpListenerConfig, RouteConfig, WeirConfig } from '../config/types.ts';
import { WeirError } from '../errors.ts';
import { RequestHeaders } from '../message/headers.ts';
import { Router } from '../proxy/router.ts';
import type { Load } from './messages.ts';

export interface FoundRoute {
  readonly listener: HttpListenerConfig;
  readonly route: RouteConfig;
}

/** The route that takes such requests, of the first listener that has one. @throws WeirError with those there are */
export function routeOf(config: WeirConfig, { method = 'GET', path, headers = {} }: Load): FoundRoute {
  const fields = Object.entries(headers);
  const host = fields.find(([name]) => name.toLowerCase() === 'host')?.[1] ?? '127.0.0.1';
  const request = new RequestHeaders(method, path, host, 'http', fields.flat());
  const listeners = config.listeners.filter(listener => listener.protocol === 'http');
  for (const listener of listeners) {
    const router = new Router(listener.routes.map(route => ({ config: route })));
    const route = router.match(request)?.config;
    if (route !== undefined) return { listener, route };
  }
  const routes = listeners.flatMap(listed).join('; ');
  throw new WeirError(
    'BENCH_FAILED',
    `${config.file}: no route takes ${method} ${path}; --route, --method and --header say what is sent. There are: ${routes}`,
  );
}

function listed({ routes }: HttpListenerConfig): string[] {
  return routes.map(({ name, match }) => {
    const { path, methods, host, headers } = match;
    const wanted = [
      methods?.join(' or ') ?? '',
      path === undefined ? '' : `${path.kind} ${path.value}`,
      host === undefined ? '' : `host ${host}`,
      headers === undefined ? '' : `headers ${Object.keys(headers).join(', ')}`,
    ];
    return `${name} (${wanted.filter(Boolean).join(', ') || 'everything'})`;
  });
}
