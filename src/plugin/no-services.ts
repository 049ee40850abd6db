import { Status } from '../abi/types.ts';
import { FULL, type Services } from './services.ts';

function none(): never {
  throw new Error('a call to an upstream that was granted where there are none');
}

/** Where there is nothing beyond streams. */
export const NO_SERVICES: Services = {
  upstreams: { find: () => undefined, send: none },
  grpc: { open: () => undefined },
  store: {
    get: () => Status.INTERNAL_FAILURE,
    set: () => Status.INTERNAL_FAILURE,
    registerQueue: () => 0,
    resolveQueue: () => 0,
    enqueue: () => Status.INTERNAL_FAILURE,
    dequeue: () => Status.INTERNAL_FAILURE,
    leaveQueues: () => {},
  },
  metrics: { define: () => FULL, record: () => {}, increment: () => {}, value: () => 0n },
  foreignFunctions: new Map(),
};
