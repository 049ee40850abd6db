import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type HttpProxy from 'http-proxy';
import { HttpProxyCall } from './http-proxy-call.ts';
import { httpProxy } from './http-proxy-module.ts';
import { UpgradeCall } from './http-proxy-upgrade.ts';
import { http } from './node-http.ts';
import type {
  Transport,
  TransportOptions,
  UpgradeHandler,
  UpstreamCall,
  UpstreamHandler,
  UpstreamRequest,
} from './transport.ts';

/**
 * Requests through http-proxy. It gets an object of ours for the client's request and answers to nothing: headers,
 * body and trailers are set on its ClientRequest, and the response is read from its IncomingMessage. Its own
 * rewriting (it merges slashes in paths and folds header names) touches nothing that is sent.
 */
export class HttpProxyTransport implements Transport {
  readonly #options: TransportOptions;
  readonly #target: { protocol: string; host: string; hostname: string; port: number };
  readonly #calls = new Set<UpgradeCall>();
  // Both are made on first use: an undici upstream may never need them.
  #requests: { proxy: HttpProxy; agent: Agent } | undefined;
  #upgrades: HttpProxy | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#target = { protocol: 'http:', host: options.host, hostname: options.host, port: options.port };
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall {
    this.#requests ??= this.#startRequests();
    const call = new HttpProxyCall(request, handler, this.#options);
    try {
      // http-proxy reads the few properties that HttpProxyCall has, and writes no response with selfHandleResponse.
      this.#requests.proxy.web(call as unknown as IncomingMessage, NO_RESPONSE, { buffer: call as never });
    } catch (error) {
      // node:http refused a field.
      queueMicrotask(() => call.onError(error as Error));
    }
    return call;
  }

  upgrade(request: UpstreamRequest, handler: UpgradeHandler): UpstreamCall {
    this.#upgrades ??= this.#startUpgrades();
    const call = new UpgradeCall(request, handler, this.#options, this.#calls);
    try {
      this.#upgrades.ws(call as unknown as IncomingMessage, call.near, Buffer.alloc(0));
    } catch (error) {
      queueMicrotask(() => call.onError(error as Error));
    }
    return call;
  }

  async close(): Promise<void> {
    this.#requests?.agent.destroy();
    for (const call of this.#calls) call.abort();
  }

  #startRequests(): { proxy: HttpProxy; agent: Agent } {
    const { connections } = this.#options;
    const agent = new http.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
    const proxy = this.#start({ agent, selfHandleResponse: true });
    proxy.on('proxyRes', (response, request) => (request as unknown as HttpProxyCall).onResponse(response));
    return { proxy, agent };
  }

  #startUpgrades(): HttpProxy {
    // Without an agent: a connection that becomes a tunnel is never given back.
    const proxy = this.#start({});
    proxy.on('proxyReqWs', (outgoing: ClientRequest, request) =>
      (request as unknown as UpgradeCall).begin(outgoing),
    );
    return proxy;
  }

  #start(options: HttpProxy.ServerOptions): HttpProxy {
    const proxy = httpProxy().createProxyServer({
      ...options,
      target: this.#target,
      // Together: take the request's target as it is.
      toProxy: true,
      prependPath: false,
    });
    proxy.on('error', (error, request) => (request as unknown as HttpProxyCall | UpgradeCall).onError(error));
    return proxy;
  }
}

const NO_RESPONSE = { finished: false, headersSent: false } as ServerResponse;
