import { BodyBuffer } from '../message/body.ts';

/** Where one direction of a stream is stopped in one filter. */
export const Stop = {
  NONE: 0,
  /** Headers wait; the filter sees the body as it comes (the specification's Pause). */
  HEADERS: 1,
  /** Headers wait and the body is held unseen (Envoy's default for Pause). */
  ALL: 2,
  /** The filter holds the body it has seen. */
  BODY: 3,
  TRAILERS: 4,
} as const;

/** What a direction holds at one filter; exists only once the filter stopped it. */
export class Hold {
  stop: number = Stop.NONE;
  /** The headers it stopped ended the message. */
  headersEnd = false;
  body = new BodyBuffer();
  /** The held body is all there is. */
  bodyEnd = false;
  /** Trailers arrived behind the held body. */
  trailers = false;
  /** Over the limit, refuse (true) or pause the source (false). */
  refuse = false;
  paused = false;
  timer: NodeJS.Timeout | undefined;

  /** Drops what is held: it never goes on. */
  drop(): void {
    clearTimeout(this.timer);
    this.stop = Stop.NONE;
    this.body = new BodyBuffer();
  }
}
