import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The repository: commands run there, as a user would from a checkout. */
export const repository = new URL('../../', import.meta.url).pathname;

/** Where commands keep prepared modules: not among those of whoever runs the tests. */
const cache = mkdtempSync(join(tmpdir(), 'weir-cache-'));
process.on('exit', () => rmSync(cache, { recursive: true, force: true }));

const main = `${repository}src/main.ts`;

export interface Ended {
  /** Exit code, or null after a signal that was not handled. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Options {
  readonly cwd?: string;
  /** In place of `node src/main.ts`: what runs the arguments. */
  readonly command?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that runs until it ends by itself. */
export async function weir(args: readonly string[], options: Options = {}): Promise<Ended> {
  return await new Running(args, options).ended;
}

/** A command that goes on until it is told to stop. */
export class Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], { cwd = repository, env = {}, command }: Options = {}) {
    const [file, ...before] = command ?? [process.execPath, main];
    this.child = spawn(file, [...before, ...args], {
      cwd,
      env: {
        ...process.env,
        XDG_CACHE_HOME: cache,
        NO_COLOR: '1',
        FORCE_COLOR: undefined,
        NODE_TEST_CONTEXT: undefined,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves with the match once the output has it; rejects when the command ends before. */
  async output(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      const more = once(this.child[stream]!, 'data').then(() => true);
      const goesOn = await Promise.race([more, this.ended.then(() => false)]);
      const last = pattern.exec(this[stream]);
      if (last !== null) return last;
      if (!goesOn) throw new Error(`ended without ${pattern}:\n${this.stdout}\n${this.stderr}`);
    }
  }

  /** The first address the command printed, once it serves (the summary ends with a curl). */
  async url(): Promise<string> {
    await this.output('stdout', /^Try: .*\n/m);
    return (await this.output('stdout', /^(http:\/\/\S+)$/m))[1]!;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return await this.ended;
  }

  /** For `finally`: a test that failed leaves no process behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.ended;
  }
}
