import { connect, type Socket } from 'node:net';
import type { UpstreamError } from '../errors.ts';
import type { Endpoint, Upstream } from './upstream.ts';
import { connectError, timeoutError } from './upstream-error.ts';

/** Who waits for a connection; called once, and never before `connectTcp` has returned. */
export interface TcpConnectHandler {
  /** It stands; nothing was read yet, and nobody listens to its errors. */
  onConnect(socket: Socket, endpoint: Endpoint): void;
  /** No endpoint took it: what the last one said; undefined: there is none. */
  onFailure(error: UpstreamError, last: Endpoint | undefined): void;
}

const noEndpoint = new Error('no endpoint');
const ignore = () => undefined;

/** Connects to an endpoint of the upstream in turn; others are tried when one doesn't answer in time. Returns how to give up. */
export function connectTcp(upstream: Upstream, handler: TcpConnectHandler): () => void {
  const limit = upstream.config.timeouts.connect;
  const tried: Endpoint[] = [];
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const stop = () => {
    over = true;
    clearTimeout(timer);
  };
  const attempt = (last: UpstreamError | undefined): void => {
    const endpoint = upstream.pick(tried.length === 0 ? undefined : tried);
    if (endpoint === undefined) {
      const error = last ?? connectError(noEndpoint);
      stop();
      if (last === undefined) queueMicrotask(() => handler.onFailure(error, undefined));
      else handler.onFailure(error, tried.at(-1));
      return;
    }
    const { address: host, port } = endpoint.info;
    const own = connect({ host, port, allowHalfOpen: true, noDelay: true, keepAlive: true });
    socket = own;
    const refused = (error: UpstreamError) => {
      own.off('error', onError);
      own.off('connect', onConnect);
      own.on('error', ignore);
      own.destroy();
      clearTimeout(timer);
      if (over) return;
      upstream.refused(endpoint);
      tried.push(endpoint);
      attempt(error);
    };
    const onError = (error: Error) => refused(connectError(error));
    const onConnect = () => {
      own.off('error', onError);
      stop();
      upstream.connected(endpoint);
      handler.onConnect(own, endpoint);
    };
    own.once('error', onError);
    own.once('connect', onConnect);
    timer = setTimeout(() => refused(timeoutError('connect', 'no connection', limit)), limit);
  };
  attempt(undefined);
  return () => {
    if (over) return;
    stop();
    socket?.on('error', ignore);
    socket?.destroy();
  };
}
