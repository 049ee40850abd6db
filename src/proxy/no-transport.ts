import { UpstreamError } from '../errors.ts';
import type { Transport, UpstreamCall, UpstreamHandler } from './transport.ts';

/** Fails every request: the configuration lets no route lead here, but a filter may call what it was granted. */
function refuse(_request: unknown, handler: UpstreamHandler): UpstreamCall {
  let over = false;
  queueMicrotask(() => {
    const error = new UpstreamError('UPSTREAM_PROTOCOL', 'request', 'the endpoint takes no HTTP');
    if (!over) handler.onError(error);
  });
  return {
    resume: () => undefined,
    abort: () => {
      over = true;
    },
  };
}

/** Of endpoints that speak no HTTP. */
export const NO_TRANSPORT: Transport = {
  dispatch: refuse,
  upgrade: refuse,
  close: () => Promise.resolve(),
};
