/** To a target, once, first: where its upstream is. Its answer is `Ready`. */
export interface Start {
  readonly upstream: string;
  /** What its scenario has for it. */
  readonly input: unknown;
}

export interface Ready {
  readonly url: string;
}

/** A target's answer to `ask`. */
export interface Usage {
  /** µs of CPU (user and system, all threads) since its process started. */
  readonly cpu: number;
  /** Bytes resident, now and at most. */
  readonly rss: number;
  readonly peak: number;
}

/** What requests look like. */
export interface Load {
  /** With a leading slash. */
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of body to send; 0: none. */
  readonly bodySize?: number;
  /** Status codes that answers may have; 2 stands for any 2xx. Default: any 2xx. */
  readonly expect?: readonly number[];
  /** Paths `path/0` to `path/N-1` in turn by Zipf's law: the first is asked for most. */
  readonly zipf?: number;
  /** WebSocket messages of so many bytes, each sent when the echo of the last one has come. */
  readonly websocket?: number;
  /** Instead of what the run says: large bodies are best fetched by few. */
  readonly connections?: number;
}

/** To the generator: one slice of load. */
export interface LoadRequest {
  /** Whose latencies are recorded together; empty: they are not (warm-up). */
  readonly key: string;
  readonly url: string;
  readonly load: Load;
  readonly connections: number;
  /** Requests in all. */
  readonly amount: number;
  /** Requests per second; 0: each connection sends its next request when the last one is answered. */
  readonly rate: number;
  /** Seconds after which it is given up. */
  readonly patience: number;
}

export interface LoadResult {
  /** Requests answered as expected. */
  readonly answers: number;
  /** Seconds from the first request to the last answer. */
  readonly seconds: number;
  readonly errors: number;
  /** The first error; empty without any. */
  readonly error: string;
  /** It was given up: what had no answer then counts as errors. */
  readonly late: boolean;
}

/** To the generator: what was recorded under a key, which is then forgotten. */
export interface LatencyRequest {
  readonly latencyOf: string;
}
