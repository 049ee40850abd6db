import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';

/** Longest a request may wait for its answer, in ms: a proxy that hangs fails the test. */
const ANSWER_MS = 5000;
const CONCURRENCY = 4;

export interface RequestShape {
  readonly method?: string;
  /** Default `/evil`. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly trailers?: Readonly<Record<string, string>>;
}

export interface Answer {
  /** `reset`: the connection broke, before the answer was whole. */
  readonly status: number | 'reset';
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** One request, on a connection of its own unless there is an agent. Rejects when no answer comes in time. */
export function send(port: number, shape: RequestShape, agent: Agent | false = false): Promise<Answer> {
  const { method = 'GET', path = '/evil', headers = {}, body, trailers } = shape;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${method} ${path} had no answer within ${ANSWER_MS} ms`));
      outgoing.destroy();
    }, ANSWER_MS);
    const done = (answer: Answer) => {
      clearTimeout(timer);
      resolve(answer);
    };
    const reset = () => done({ status: 'reset', headers: {}, body: '' });
    const framing = trailers === undefined ? {} : { 'transfer-encoding': 'chunked' };
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...framing, ...headers },
      agent,
    });
    readAnswer(outgoing, reset, done);
    if (trailers !== undefined) outgoing.addTrailers(trailers);
    outgoing.end(body);
  });
}

/** Reads an answer to its end: `reset` when that never comes. */
export function readAnswer(
  outgoing: ClientRequest,
  reset: () => void,
  done: (answer: Answer & { readonly status: number; readonly trailers: NodeJS.Dict<string> }) => void,
): void {
  outgoing.on('error', reset);
  outgoing.on('response', incoming => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('error', reset);
    incoming.on('aborted', reset);
    incoming.on('end', () => {
      const { statusCode, headers, trailers } = incoming;
      done({ status: statusCode!, headers, body: Buffer.concat(parts).toString(), trailers });
    });
  });
}

/** What became of the requests to the well-behaved routes. */
export interface GoodLoad {
  readonly count: number;
  readonly failures: number;
  /** In ms. */
  readonly p99: number;
}

export const GOOD_PATHS = ['/good', '/good', '/good', '/plain'] as const;

/** Undefined: the answer is what the well-behaved filters and the upstream make. */
export function faultOf(path: string, { status, headers }: Answer): string | undefined {
  if (status !== 200) return `${path} answered ${status}`;
  if (path === '/plain') return undefined;
  if (headers['x-frame-options'] === undefined) return `${path} came without x-frame-options`;
  return headers['x-served-by'] === 'weir' ? undefined : `${path} came without x-served-by`;
}

/** Sends requests to the good routes, a few at a time over kept connections, until told to stop. */
export class GoodTraffic {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  readonly #times: number[] = [];
  #failures = 0;
  #running = true;
  readonly #clients: Promise<void>[];
  readonly faults = new Set<string>();

  constructor(port: number) {
    this.#port = port;
    this.#clients = GOOD_PATHS.map(path => this.#drive(path));
  }

  async #drive(path: string): Promise<void> {
    while (this.#running) {
      const start = performance.now();
      try {
        const answer = await send(this.#port, { path }, this.#agent);
        const fault = faultOf(path, answer);
        if (fault !== undefined) this.#failed(fault);
      } catch (error) {
        this.#failed(String(error));
      }
      this.#times.push(performance.now() - start);
    }
  }

  #failed(fault: string): void {
    this.#failures++;
    this.faults.add(fault);
  }

  /** What it saw since it was made, or since it was last asked. */
  take(): GoodLoad {
    const times = this.#times.splice(0).sort((a, b) => a - b);
    const failures = this.#failures;
    this.#failures = 0;
    return { count: times.length, failures, p99: times[Math.floor(times.length * 0.99)] ?? 0 };
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }
}
