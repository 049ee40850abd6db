import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const COMMAND = ['redis-server', 'valkey-server'].find(
  command => spawnSync(command, ['--version']).status === 0,
);

/** For `test`: why it can't run here, if it can't. */
export const skip = COMMAND === undefined ? 'neither redis-server nor valkey-server is on the PATH' : false;

/** A server of the test's own, on loopback, which keeps what it has over a restart. */
export class RedisServer {
  readonly #port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.#port = port;
    this.#folder = folder;
  }

  /** Not yet started; ends with the test. */
  static async make(context: TestContext): Promise<RedisServer> {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    await new Promise(resolve => listener.close(resolve));
    const server = new RedisServer(port, await mkdtemp(join(tmpdir(), 'weir-redis-')));
    context.after(async () => {
      await server.kill();
      await rm(server.#folder, { recursive: true, force: true });
    });
    return server;
  }

  static async start(context: TestContext): Promise<RedisServer> {
    const server = await RedisServer.make(context);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const options = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'];
    this.#process = spawn(
      COMMAND!,
      ['--port', `${this.#port}`, '--bind', '127.0.0.1', '--dir', this.#folder, ...options],
      { stdio: 'ignore' },
    );
    const end = performance.now() + 10_000;
    while (!(await this.#answers())) {
      if (performance.now() > end) throw new Error('the server does not start');
      await sleep(10);
    }
  }

  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** It stands still, with its connections open. */
  pause(paused: boolean): void {
    this.#process?.kill(paused ? 'SIGSTOP' : 'SIGCONT');
  }

  #answers(): Promise<boolean> {
    return new Promise(resolve => {
      const socket = connect(this.#port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.once('data', data => {
        socket.destroy();
        resolve(data.toString().startsWith('+PONG'));
      });
      socket.once('error', () => resolve(false));
    });
  }
}
