import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { EmbeddedChain } from './embedded-chain.ts';

type Web = (req: IncomingMessage, res: ServerResponse, ...rest: unknown[]) => unknown;
type WebSocket = (req: IncomingMessage, socket: Duplex, head: Buffer, ...rest: unknown[]) => unknown;

/** What withFilterChain changes of it. */
interface OpenProxy {
  web: Web;
  proxyRequest: Web;
  ws: WebSocket;
  proxyWebsocketRequest: WebSocket;
  before(type: 'web', pass: string, added: (req: IncomingMessage) => void): void;
  emit(event: 'error', error: unknown, req: IncomingMessage, res: ServerResponse): unknown;
}

/** As much of an http-proxy instance as is needed, whichever copy of http-proxy it comes from. */
export interface HttpProxyLike {
  web(...args: never[]): unknown;
  ws(...args: never[]): unknown;
  emit(event: 'error', ...args: never[]): unknown;
}

/**
 * Puts a chain in front of an http-proxy instance: from now on `proxy.web` and `proxy.ws`, called with whatever options,
 * and servers from `proxy.listen` run the filters. A request that is given to the proxy again, as to retry it, runs them
 * once. For `ws` the request filters run on the handshake. Returns the same instance.
 */
export function withFilterChain<Proxy extends HttpProxyLike>(proxy: Proxy, chain: EmbeddedChain): Proxy {
  const open = proxy as unknown as OpenProxy;
  const forward = open.web;
  const forwardUpgrade = open.ws;
  const middleware = chain.middleware();
  open.before('web', 'timeout', restoreChunked);
  const web: Web = (req, res, ...rest) =>
    middleware(req, res, error => {
      if (error !== undefined) {
        open.emit('error', error, req, res);
        return;
      }
      if (req.headers['transfer-encoding'] !== undefined) chunkedRequests.add(req);
      forward.call(proxy, req, res, ...rest);
    });
  const ws: WebSocket = (req, socket, head, ...rest) =>
    chain.upgradeHandler(() => forwardUpgrade.call(proxy, req, socket, head, ...rest))(req, socket, head);
  // http-proxy has each under two names.
  open.web = web;
  open.proxyRequest = web;
  open.ws = ws;
  open.proxyWebsocketRequest = ws;
  return proxy;
}

const chunkedRequests = new WeakSet<IncomingMessage>();

/**
 * Runs behind http-proxy's pass `deleteLength`, which declares a DELETE or OPTIONS without Content-Length empty. One
 * whose body a filter may change is chunked: its body would then be taken for another request.
 */
function restoreChunked(req: IncomingMessage): void {
  if (!chunkedRequests.has(req)) return;
  delete req.headers['content-length'];
  req.headers['transfer-encoding'] = 'chunked';
}
