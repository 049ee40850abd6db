import type { HostcallTable } from '../guest.ts';
import type { AbiVersion } from '../types.ts';
import { buffers } from './buffers.ts';
import { clocks } from './clocks.ts';
import { configuration010 } from './configuration.ts';
import { emscripten } from './emscripten.ts';
import { fields } from './fields.ts';
import { foreignFunctions } from './foreign-functions.ts';
import { grpcCalls } from './grpc-calls.ts';
import { httpCalls } from './http-calls.ts';
import { lifecycle } from './lifecycle.ts';
import { logging, logLevel } from './logging.ts';
import { metrics } from './metrics.ts';
import { properties } from './properties.ts';
import { sharedData } from './shared-data.ts';
import { sharedQueues } from './shared-queues.ts';
import { streamControl, streamControl010, streams } from './streams.ts';
import { timers } from './timers.ts';

const common: HostcallTable = {
  ...lifecycle,
  ...logging,
  ...clocks,
  ...buffers,
  ...fields,
  ...streams,
  ...properties,
  ...timers,
  ...httpCalls,
  ...grpcCalls,
  ...sharedData,
  ...sharedQueues,
  ...metrics,
  ...foreignFunctions,
  ...emscripten,
};

const v010: HostcallTable = { ...common, ...configuration010, ...streamControl010 };
const v020: HostcallTable = { ...common, ...streamControl };
const v021: HostcallTable = { ...common, ...streamControl, ...logLevel };

/** What a module of that version may import from `env`. */
export const HOSTCALLS: Readonly<Record<AbiVersion, HostcallTable>> = {
  '0.1.0': v010,
  '0.2.0': v020,
  '0.2.1': v021,
};
