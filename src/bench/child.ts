import { type ChildProcess, fork } from 'node:child_process';
import { WeirError } from '../errors.ts';

/**
 * A target is idle between its turns, and V8 would use that to collect garbage, which under steady load it does not.
 * (DEP0060 is http-proxy's.)
 */
const EXEC = ['--disable-warning=DEP0060', '--no-memory-reducer'];

/** ms after which a process that should end is made to. */
const HANGS = 5000;

/** A process of the benchmark that answers one message at a time. */
export class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  #ended: string | undefined;

  /** `script` is run by this Node; `name` is for errors. */
  constructor(name: string, script: URL) {
    this.#name = name;
    this.#process = fork(script, { execArgv: EXEC, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    // A message that can't be sent: its end, which comes, says more.
    this.#process.on('error', () => {});
    this.#process.once('exit', (code, signal) => {
      this.#ended = signal ?? `exit code ${code}`;
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Its next message. @throws WeirError BENCH_FAILED when it ends before */
  next<T>(): Promise<T> {
    const child = this.#process;
    return new Promise((resolve, reject) => {
      const ended = () => {
        child.off('message', came);
        reject(new WeirError('BENCH_FAILED', `${this.#name}: its process ended (${this.#ended})`));
      };
      const came = (message: unknown) => {
        child.off('exit', ended);
        resolve(message as T);
      };
      if (this.#ended !== undefined) {
        ended();
        return;
      }
      child.once('exit', ended);
      child.once('message', came);
    });
  }

  ask<T>(message: object): Promise<T> {
    const answer = this.next<T>();
    if (this.#process.connected) this.#process.send(message);
    return answer;
  }

  /** Lets it end, and waits for that. */
  async end(): Promise<void> {
    if (this.#ended !== undefined) return;
    const gone = new Promise(resolve => this.#process.once('exit', resolve));
    if (this.#process.connected) this.#process.disconnect();
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), HANGS);
    await gone;
    clearTimeout(killer);
  }
}
