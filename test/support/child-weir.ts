import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { startWeir } from '../../src/runtime/weir.ts';
import { type WeirOptions, weirConfig } from './weir.ts';

/** A Weir in a process of its own: what it uses is its own. */
export interface ChildWeir {
  readonly port: number;
  /** Resident bytes of the process, now. */
  memory(): Promise<number>;
}

/** Until the test ends. */
export async function startChildWeir(
  t: Pick<TestContext, 'after'>,
  options: WeirOptions,
): Promise<ChildWeir> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    execArgv: [],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  const exited = once(child, 'exit');
  t.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const answer = async (): Promise<number> => {
    const [message] = (await Promise.race([once(child, 'message'), exited])) as [unknown];
    if (typeof message !== 'object' || message === null)
      throw new Error(`the child ended: ${String(message)}`);
    return (message as { value: number }).value;
  };
  const port = await answer();
  return {
    port,
    memory: () => {
      child.send('memory');
      return answer();
    },
  };
}

async function serve(options: WeirOptions): Promise<void> {
  const weir = await startWeir(weirConfig(options), pino({ level: 'silent' }));
  process.on('message', () => process.send?.({ value: process.memoryUsage.rss() }));
  process.on('disconnect', () => process.exit());
  process.send?.({ value: Number(new URL(weir.addresses[0]!.url).port) });
}

if (import.meta.main) await serve(JSON.parse(process.argv[2]!) as WeirOptions);
