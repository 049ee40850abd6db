import { UpstreamError } from '../errors.ts';
import type { Services } from '../plugin/services.ts';

const UNAVAILABLE = 14;

/** Upstreams for filters that are only tried: calls to those that were granted begin, and fail. */
export function offline(reason: string): Pick<Services, 'upstreams' | 'grpc'> {
  return {
    upstreams: {
      find: (authority, granted) => granted.find(name => name.toLowerCase() === authority),
      send: (_upstream, _request, handler) => {
        let over = false;
        setImmediate(() => {
          if (!over) handler.onError(new UpstreamError('UPSTREAM_CONNECT', 'connect', reason));
        });
        return {
          full: false,
          write: () => {},
          end: () => {},
          pause: () => {},
          abort: () => {
            over = true;
          },
        };
      },
    },
    grpc: {
      open: (_upstream, _request, _most, handler) => {
        let over = false;
        setImmediate(() => {
          if (!over) handler.onClose(UNAVAILABLE, reason);
        });
        return {
          buffered: 0,
          send: () => {},
          end: () => {},
          cancel: () => {
            over = true;
          },
        };
      },
    },
  };
}
