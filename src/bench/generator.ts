/** The load generator, in a process of its own: a message is a slice of load, or asks for latencies. */
import autocannon from 'autocannon';
import { Latencies } from './latencies.ts';
import type { LatencyRequest, Load, LoadRequest, LoadResult } from './messages.ts';
import { type PacedClient, Pacer } from './pacer.ts';
import { random } from './statistics.ts';
import { websocketLoad } from './websocket-load.ts';

/** ms between autocannon's looks whether it is done. */
const SAMPLE = 20;
/** Requests that a connection of a Zipf load repeats. */
const ZIPF_LENGTH = 400;

const ANY_2XX = [2];

const recorded = new Map<string, Latencies>();

function latencies(key: string): Latencies {
  const known = recorded.get(key) ?? new Latencies();
  if (key !== '') recorded.set(key, known);
  return known;
}

/** So many paths, the n-th with a probability like 1/n. */
function zipf(prefix: string, count: number, next: () => number): { path: string }[] {
  const sums: number[] = [];
  for (let i = 0, sum = 0; i < count; i++) {
    sum += 1 / (i + 1);
    sums.push(sum);
  }
  return Array.from({ length: ZIPF_LENGTH }, () => {
    const at = next() * sums.at(-1)!;
    return { path: `${prefix}/${sums.findIndex(sum => sum > at)}` };
  });
}

class Slice {
  answers = 0;
  errors = 0;
  error = '';
  #late = false;
  #last = 0;
  readonly #begin = performance.now();
  readonly #request: LoadRequest;
  readonly #latencies: Latencies;

  constructor(request: LoadRequest) {
    this.#request = request;
    this.#latencies = latencies(request.key);
  }

  async run(): Promise<LoadResult> {
    const { rate, amount } = this.#request;
    // No connection has less than a request in a second, nor in all.
    const connections = Math.min(this.#request.connections, rate === 0 ? Number.POSITIVE_INFINITY : rate);
    const asked = Math.max(amount, connections);
    await this.#fire(connections, asked, rate === 0 ? 0 : (1000 * connections) / rate);
    const lost = asked - this.answers - this.errors;
    if (lost > 0) {
      const late = `no answer within ${this.#request.patience} s`;
      this.#failed(lost, this.#late ? late : 'a connection ended before its answer');
    }
    return {
      answers: this.answers,
      seconds: (this.#last - this.#begin) / 1000,
      errors: this.errors,
      error: this.error,
      late: this.#late,
    };
  }

  /** `interval`: ms between two requests of a connection; 0: none. */
  #fire(connections: number, amount: number, interval: number): Promise<void> {
    const { url, load } = this.#request;
    const { bodySize = 0, headers, method, zipf: paths } = load;
    const next = random(1);
    const pacer = interval === 0 ? undefined : new Pacer(interval, connections);
    const setupClient = (client: autocannon.Client) => {
      if (paths !== undefined) client.setRequests(zipf(load.path, paths, next));
      pacer?.add(client as unknown as PacedClient);
    };
    return new Promise((resolve, reject) => {
      const options: autocannon.Options = {
        url: url + (paths === undefined ? load.path : '/'),
        connections,
        amount,
        timeout: this.#request.patience,
        sampleInt: SAMPLE,
        setupClient,
        ...(method !== undefined && { method: method as autocannon.Request['method'] }),
        ...(headers !== undefined && { headers }),
        ...(bodySize > 0 && { body: body(bodySize) }),
        // One for each connection at a time: the pacer says how often.
        ...(pacer !== undefined && { overallRate: connections }),
      };
      const timer = setTimeout(() => {
        this.#late = true;
        instance.stop();
      }, this.#request.patience * 1000);
      const instance = autocannon(options, (error, result) => {
        clearTimeout(timer);
        pacer?.end();
        if (error) {
          reject(error);
          return;
        }
        const { errors } = result;
        if (errors > 0) this.#failed(errors, 'a connection failed, or an answer took too long');
        resolve();
      });
      const connected = new WeakSet<autocannon.Client>();
      instance.on('response', (client, status, _bytes, ms) => {
        // The first one waits for connections to be made, and for autocannon to set up all of them.
        const first = !connected.has(client);
        if (first) connected.add(client);
        this.#answered(load, status, first ? -1 : ms, interval);
      });
    });
  }

  /** `ms`: below 0, not to be recorded. */
  #answered({ expect = ANY_2XX }: Load, status: number, ms: number, interval: number): void {
    this.#last = performance.now();
    if (expect.includes(status) || (status >= 200 && status < 300 && expect.includes(2))) {
      this.answers++;
      if (ms >= 0) this.#latencies.record(ms, interval);
      return;
    }
    this.#failed(
      1,
      `status ${status} instead of ${expect.map(code => (code === 2 ? '2xx' : code)).join(' or ')}`,
    );
  }

  #failed(count: number, error: string): void {
    if (this.errors === 0) this.error = error;
    this.errors += count;
  }
}

/** The same text again and again, which a rewriting filter finds something in now and then. */
function body(size: number): Buffer {
  return Buffer.alloc(size, 'All work and no play makes Jack a dull boy. '.repeat(20));
}

process.on('message', async (message: LoadRequest | LatencyRequest) => {
  try {
    process.send!(await answer(message));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.send!({ answers: 0, seconds: 0, errors: 1, error: text, late: false } satisfies LoadResult);
  }
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C is for the parent, which lets go of this process.
process.on('SIGINT', () => {});

async function answer(message: LoadRequest | LatencyRequest) {
  if ('latencyOf' in message) {
    const { summary } = latencies(message.latencyOf);
    recorded.delete(message.latencyOf);
    return summary;
  }
  const { websocket } = message.load;
  return websocket === undefined
    ? new Slice(message).run()
    : websocketLoad(message, websocket, latencies(message.key));
}
process.send!({ ready: true });
