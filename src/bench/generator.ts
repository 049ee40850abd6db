/** The load generator, in a process of its own: a message is a slice of load, or asks for latencies. */
import autocannon from 'autocannon';
import { Latencies } from './latencies.ts';
import type { LatencyRequest, Load, LoadRequest, LoadResult } from './messages.ts';
import { random } from './statistics.ts';
import { websocketLoad } from './websocket-load.ts';

/** ms between autocannon's looks whether it is done. */
const SAMPLE = 20;
/** At a fixed rate autocannon sends each second's requests at its beginning: as many parts begin at other moments. */
const PARTS = 20;
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
    const { rate, connections, amount } = this.#request;
    const parts = rate === 0 ? 1 : Math.max(1, Math.min(PARTS, connections, Math.floor(rate / PARTS)));
    let asked = 0;
    await Promise.all(
      Array.from({ length: parts }, async (_, i) => {
        const pace = share(rate, parts, i);
        // autocannon makes no more connections than requests in a second.
        const most = share(connections, parts, i);
        const own = rate === 0 ? most : Math.min(most, pace);
        // Each connection has at least one.
        const requests = Math.max(share(amount, parts, i), own);
        asked += requests;
        await new Promise(resolve => setTimeout(resolve, (1000 / parts) * i));
        await this.#fire(own, requests, pace, i);
      }),
    );
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

  /** One autocannon; `seed` makes each one's Zipf load another one. */
  #fire(connections: number, amount: number, rate: number, seed: number): Promise<void> {
    const { url, load } = this.#request;
    const { bodySize = 0, headers, method, zipf: paths } = load;
    const next = random(seed + 1);
    // ms; autocannon gives each connection so many requests in a second.
    const interval = rate === 0 ? 0 : (1000 * connections) / rate;
    return new Promise((resolve, reject) => {
      const options: autocannon.Options = {
        url: url + (paths === undefined ? load.path : '/'),
        connections,
        amount,
        timeout: this.#request.patience,
        sampleInt: SAMPLE,
        ...(method !== undefined && { method: method as autocannon.Request['method'] }),
        ...(headers !== undefined && { headers }),
        ...(bodySize > 0 && { body: body(bodySize) }),
        ...(rate > 0 && { overallRate: rate }),
        ...(paths !== undefined && {
          setupClient: client => client.setRequests(zipf(load.path, paths, next)),
        }),
      };
      const timer = setTimeout(() => {
        this.#late = true;
        instance.stop();
      }, this.#request.patience * 1000);
      const instance = autocannon(options, (error, result) => {
        clearTimeout(timer);
        if (error) {
          reject(error);
          return;
        }
        const { errors } = result;
        if (errors > 0) this.#failed(errors, 'a connection failed, or an answer took too long');
        resolve();
      });
      instance.on('response', (_client, status, _bytes, ms) => this.#answered(load, status, ms, interval));
    });
  }

  #answered({ expect = ANY_2XX }: Load, status: number, ms: number, interval: number): void {
    this.#last = performance.now();
    if (expect.includes(status) || (status >= 200 && status < 300 && expect.includes(2))) {
      this.answers++;
      this.#latencies.record(ms, interval);
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

/** Part `i` of so many whole ones. */
function share(total: number, parts: number, i: number): number {
  return Math.floor(total / parts) + (i < total % parts ? 1 : 0);
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
