import {
  Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startUpstream, type TestUpstream } from '../support/upstream.ts';
import { faultOf, readAnswer, send as sendWhole } from './load.ts';

const ANSWER_MS = 5000;

/** What a client sends; the body goes out chunk by chunk. */
export interface Sent {
  readonly path?: string;
  readonly body?: readonly string[];
  readonly trailers?: Readonly<Record<string, string>>;
}

export interface Got {
  readonly status: number | 'reset';
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

/** What an answer of Weir's own may say, and what it may not. */
const SHORT_TEXT = /^(?:\d{3} )?[a-z ]{0,60}\n?$/;

/** Sends a request; its chunks a turn apart, so that all of them come alone. */
export function send(port: number, filter: string, { path = '/', body, trailers }: Sent): Promise<Got> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'x-case': filter, ...(body === undefined ? {} : { 'transfer-encoding': 'chunked' }) },
      agent: false,
      maxHeaderSize: 1024 * 1024,
    });
    const timer = setTimeout(() => {
      reject(new Error(`${filter} ${path}: no answer within ${ANSWER_MS} ms`));
      outgoing.destroy();
    }, ANSWER_MS);
    const done = (got: Got) => {
      clearTimeout(timer);
      const { status, body: text } = got;
      if (status !== 'reset' && status >= 500) {
        if (!SHORT_TEXT.test(text)) reject(new Error(`${filter} ${path}: ${status} says ${text}`));
      }
      resolve(got);
    };
    const reset = () => done({ status: 'reset', headers: {}, body: '', trailers: {} });
    readAnswer(outgoing, reset, done);
    if (body === undefined) outgoing.end();
    else void write(outgoing, body, trailers);
  });
}

async function write(
  outgoing: ClientRequest,
  body: readonly string[],
  trailers: Sent['trailers'],
): Promise<void> {
  for (const chunk of body) {
    if (outgoing.destroyed) return;
    outgoing.write(chunk);
    await sleep(3);
  }
  if (trailers !== undefined) outgoing.addTrailers(trailers);
  outgoing.end();
}

/** Answers with the body it gets, chunk by chunk (`streaming`) or when it is whole, and with a trailer. */
export function startStreamingEcho(streaming = false): Promise<TestUpstream> {
  const head = (res: ServerResponse) => {
    res.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-end' });
    res.addTrailers({ 'x-end': 'of response' });
  };
  return startUpstream(
    (req, res, seen) => {
      head(res);
      if (!streaming) {
        res.end(seen.body);
        return;
      }
      res.flushHeaders();
      req.on('error', () => {});
      req.pipe(res);
    },
    { early: streaming },
  );
}

/** A well-behaved request now and then, so that most of the time is the evil ones'. */
export class GoodPulse {
  readonly faults: string[] = [];
  count = 0;
  /** In ms. */
  slowest = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #running = true;
  readonly #end: Promise<void>;

  constructor(port: number) {
    this.#end = this.#beat(port);
  }

  async #beat(port: number): Promise<void> {
    while (this.#running) {
      const start = performance.now();
      const answer = await sendWhole(port, { path: '/good' }, this.#agent).catch(String);
      const fault = typeof answer === 'string' ? answer : faultOf('/good', answer);
      if (fault !== undefined) this.faults.push(fault);
      this.slowest = Math.max(this.slowest, performance.now() - start);
      this.count++;
      await sleep(3);
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#end;
    this.#agent.destroy();
  }
}
