import {
  BodyAction,
  BufferType,
  HeadersAction,
  MapType,
  Status,
  StreamType,
  TrailersAction,
} from '../abi/types.ts';
import type { GuestError, HostState } from '../errors.ts';
import type { BodyBuffer } from '../message/body.ts';
import { FieldMap, type RawFields } from '../message/fields.ts';
import { streamProperty } from './properties.ts';
import type { RootContext } from './root-context.ts';
import { type ContextOwner, StreamContext } from './stream-context.ts';
import { type Direction, type FilterContext, type HttpStream, REQUEST, RESPONSE } from './types.ts';

/** Bits of `#open`: which maps the guest may use now. Those of the response are shifted by RESPONSE_SHIFT. */
const HEADERS_OPEN = 1;
const TRAILERS_OPEN = 2;
const RESPONSE_SHIFT = 2;
/** In proxy_on_log all maps can be read and none written. */
const LOG_OPEN = 16;

/** What a plugin's configuration says about its streams. */
export interface HttpContextOptions {
  /** False: Pause from a headers callback stops the body too, as Envoy does by default. */
  readonly allowOnHeadersStopIteration: boolean;
  readonly isolation: 'shared' | 'request';
}

/** One filter on one HTTP stream, as a guest knows it. */
export class HttpContext extends StreamContext implements FilterContext {
  readonly #stream: HttpStream;
  readonly #options: HttpContextOptions;
  #open = 0;
  /** It gave a local response: it waits for nothing. */
  #answered = false;
  #requestBody: BodyBuffer | undefined;
  #responseBody: BodyBuffer | undefined;

  /** @throws GuestError */
  constructor(root: RootContext, stream: HttpStream, options: HttpContextOptions, plugin: ContextOwner) {
    super(root, plugin, options.isolation);
    this.#stream = stream;
    this.#options = options;
    this.create(root.id);
  }

  onHeaders(direction: Direction, count: number, endOfStream: boolean): number {
    const bit = direction === REQUEST ? HEADERS_OPEN : HEADERS_OPEN << RESPONSE_SHIFT;
    this.#open |= bit;
    const vm = this.vm;
    const action =
      direction === REQUEST
        ? vm.call(
            this,
            'proxy_on_request_headers',
            vm.callbacks.requestHeaders!,
            this.id,
            count,
            +endOfStream,
          )
        : vm.call(
            this,
            'proxy_on_response_headers',
            vm.callbacks.responseHeaders!,
            this.id,
            count,
            +endOfStream,
          );
    if (action === HeadersAction.CONTINUE || action === HeadersAction.CONTINUE_AND_END_STREAM) {
      this.#open &= ~bit;
      return HeadersAction.CONTINUE;
    }
    if (action === HeadersAction.STOP_ITERATION && this.#options.allowOnHeadersStopIteration) return action;
    return action === HeadersAction.STOP_ALL_AND_BUFFER ? action : HeadersAction.STOP_ALL_AND_WATERMARK;
  }

  onBody(direction: Direction, body: BodyBuffer, endOfStream: boolean): number {
    const vm = this.vm;
    // Trailers may be added with the last of the body.
    const trailers = direction === REQUEST ? TRAILERS_OPEN : TRAILERS_OPEN << RESPONSE_SHIFT;
    if (endOfStream) this.#open |= trailers;
    let action: number;
    if (direction === REQUEST) {
      this.#requestBody = body;
      action = vm.call(
        this,
        'proxy_on_request_body',
        vm.callbacks.requestBody!,
        this.id,
        body.length,
        +endOfStream,
      );
    } else {
      this.#responseBody = body;
      action = vm.call(
        this,
        'proxy_on_response_body',
        vm.callbacks.responseBody!,
        this.id,
        body.length,
        +endOfStream,
      );
    }
    if (action === BodyAction.CONTINUE) {
      this.onResume(direction);
      return action;
    }
    const known = action === BodyAction.STOP_AND_BUFFER || action === BodyAction.STOP_AND_WATERMARK;
    return known ? action : BodyAction.STOP_NO_BUFFER;
  }

  onTrailers(direction: Direction, count: number): number {
    const vm = this.vm;
    const bit = direction === REQUEST ? TRAILERS_OPEN : TRAILERS_OPEN << RESPONSE_SHIFT;
    this.#open |= bit;
    const action =
      direction === REQUEST
        ? vm.call(this, 'proxy_on_request_trailers', vm.callbacks.requestTrailers!, this.id, count, 0)
        : vm.call(this, 'proxy_on_response_trailers', vm.callbacks.responseTrailers!, this.id, count, 0);
    if (action !== TrailersAction.CONTINUE) return TrailersAction.STOP;
    this.onResume(direction);
    return action;
  }

  onResume(direction: Direction): void {
    if (direction === REQUEST) {
      this.#open &= ~(HEADERS_OPEN | TRAILERS_OPEN);
      this.#requestBody = undefined;
    } else {
      this.#open &= ~((HEADERS_OPEN | TRAILERS_OPEN) << RESPONSE_SHIFT);
      this.#responseBody = undefined;
    }
  }

  protected override onLog(): void {
    this.#open = LOG_OPEN;
    this.#requestBody = undefined;
    this.#responseBody = undefined;
  }

  protected get isStopped(): boolean {
    const holds = this.#open !== 0 || this.#requestBody !== undefined || this.#responseBody !== undefined;
    return holds && !this.#answered;
  }

  #map(map: number): FieldMap | undefined {
    switch (map) {
      case MapType.HTTP_REQUEST_HEADERS:
        return this.#stream.requestHeaders;
      case MapType.HTTP_REQUEST_TRAILERS:
        return this.#stream.requestTrailers;
      case MapType.HTTP_RESPONSE_HEADERS:
        return this.#stream.responseHeaders;
      case MapType.HTTP_RESPONSE_TRAILERS:
        return this.#stream.responseTrailers;
      default:
        return undefined;
    }
  }

  override fields(map: number): FieldMap | undefined {
    if (map > MapType.HTTP_RESPONSE_TRAILERS) return this.root.toldFields(map);
    if (this.#open !== LOG_OPEN) return this.writableFields(map);
    // A response that never came is empty, not unavailable (as in Envoy): SDKs panic when a map is refused there.
    return this.#map(map) ?? (map === MapType.HTTP_RESPONSE_HEADERS ? new FieldMap() : undefined);
  }

  override writableFields(map: number): FieldMap | undefined {
    // Map types 0-3 are in the order of the bits.
    if (map > MapType.HTTP_RESPONSE_TRAILERS || (this.#open & (1 << map)) === 0) return undefined;
    return this.#map(map);
  }

  override buffer(type: number): BodyBuffer | undefined {
    if (type === BufferType.HTTP_REQUEST_BODY) return this.#requestBody;
    if (type === BufferType.HTTP_RESPONSE_BODY) return this.#responseBody;
    return this.root.toldBuffer(type);
  }

  override writableBuffer(type: number): BodyBuffer | undefined {
    if (type !== BufferType.HTTP_REQUEST_BODY && type !== BufferType.HTTP_RESPONSE_BODY) return undefined;
    const buffer = this.buffer(type);
    if (buffer !== undefined) {
      this.#stream.bodyChanged(this, type === BufferType.HTTP_REQUEST_BODY ? REQUEST : RESPONSE);
    }
    return buffer;
  }

  override property(path: string): Uint8Array | undefined {
    return streamProperty(this.root.identity, this.#stream, path);
  }

  protected get properties(): Map<string, Buffer> {
    return this.#stream.properties;
  }

  override continueStream(stream: number): Status {
    if (stream === StreamType.HTTP_REQUEST) this.#stream.resume(this, REQUEST);
    else if (stream === StreamType.HTTP_RESPONSE) this.#stream.resume(this, RESPONSE);
    else return Status.UNIMPLEMENTED;
    return Status.OK;
  }

  override closeStream(stream: number): Status {
    if (stream !== StreamType.HTTP_REQUEST && stream !== StreamType.HTTP_RESPONSE)
      return Status.UNIMPLEMENTED;
    this.#stream.close(this);
    return Status.OK;
  }

  override sendLocalResponse(
    status: number,
    details: string,
    body: Buffer,
    headers: RawFields,
    grpcStatus: number,
  ): Status {
    this.#answered = true;
    this.#stream.localResponse(this, { status, details, body, headers, grpcStatus });
    return Status.OK;
  }

  override vmDied(death: GuestError, hostState: HostState): void {
    super.vmDied(death, hostState);
    this.#stream.died(this, `its VM ended: ${death.message}`, hostState);
  }

  override clearRouteCache(): Status {
    this.#stream.clearRouteCache();
    return Status.OK;
  }
}
