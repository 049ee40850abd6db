import { deflateSync, inflateSync } from 'node:zlib';
import { Status } from '../abi/types.ts';
import type { ForeignFunction } from '../plugin/services.ts';
import { messageFields } from './protobuf-fields.ts';
import { sign, verifySignature } from './signatures.ts';

/** Field numbers of SetEnvoyFilterStateArguments, Envoy's message. */
const STATE = 1;
const VALUE = 2;
/** What Envoy's tcp_proxy asks for the upstream. */
const TCP_UPSTREAM = 'envoy.tcp_proxy.cluster';
const NOTHING = Buffer.alloc(0);

/** In zlib's format. */
const compress: ForeignFunction = args => deflateSync(args);

/** BAD_ARGUMENT for more than the filter may hold; SERIALIZATION_FAILURE for what isn't whole, or isn't zlib's. */
const uncompress: ForeignFunction = (args, { maxBytes }) => {
  try {
    return inflateSync(args, { maxOutputLength: maxBytes });
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    return tooLarge ? Status.BAD_ARGUMENT : Status.SERIALIZATION_FAILURE;
  }
};

/** The route is chosen again; nothing outside a stream. */
const clearRouteCache: ForeignFunction = (_args, caller) => {
  caller.clearRouteCache();
  return NOTHING;
};

/** Field numbers of DeclarePropertyArguments, Envoy's message. */
const NAME = 1;
const READ_ONLY = 2;
const SPAN = 5;
/** LifeSpan: of the connection, so of all its requests. */
const DOWNSTREAM_CONNECTION = 2;

/**
 * What is declared as properties are anyhow (they can be set again, and live as long as their request) needs no
 * declaration. UNIMPLEMENTED for what is to be read-only or to live as long as its connection.
 */
const declareProperty: ForeignFunction = args => {
  const message = messageFields(args);
  if (message === undefined || message.bytes(NAME).length === 0) return Status.BAD_ARGUMENT;
  const unlike = message.number(READ_ONLY) !== 0 || message.number(SPAN) === DOWNSTREAM_CONNECTION;
  return unlike ? Status.UNIMPLEMENTED : NOTHING;
};

/** Only the state that chooses the upstream of a TCP connection; NOT_FOUND for others, as Envoy for names it doesn't know. */
const setEnvoyFilterState: ForeignFunction = (args, caller) => {
  const message = messageFields(args);
  if (message === undefined) return Status.BAD_ARGUMENT;
  if (message.bytes(STATE).toString() !== TCP_UPSTREAM) return Status.NOT_FOUND;
  const status = caller.connectTo(message.bytes(VALUE).toString());
  return status === Status.OK ? NOTHING : status;
};

/** Foreign functions that come with Weir: of Envoy's those that have a meaning here, with its arguments and results. */
export const FOREIGN_FUNCTIONS: ReadonlyMap<string, ForeignFunction> = new Map([
  ['compress', compress],
  ['uncompress', uncompress],
  ['clear_route_cache', clearRouteCache],
  ['declare_property', declareProperty],
  ['verify_signature', verifySignature],
  ['set_envoy_filter_state', setEnvoyFilterState],
  ['sign', sign],
]);
