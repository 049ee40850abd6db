import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { type RunningWorkers, startWorkers, type WorkersOptions } from '../../src/runtime/workers/workers.ts';
import { assemble } from './guest-wat.ts';
import { MemoryLog } from './log.ts';
import { RawClient } from './raw-client.ts';
import { until } from './wait.ts';
import { type WeirOptions, weirConfig } from './weir.ts';

export interface TestWorkers {
  readonly port: number;
  readonly log: MemoryLog;
  readonly running: RunningWorkers;
}

/** Weir with two worker threads, until the test ends. */
export async function startTestWorkers(
  t: Pick<TestContext, 'after'>,
  options: WeirOptions & { readonly drain?: number },
  workers: WorkersOptions = { count: 2 },
): Promise<TestWorkers> {
  const log = new MemoryLog();
  const { drain = 0 } = options;
  const running = await startWorkers({ ...weirConfig(options), shutdown: { drain } }, log, workers);
  t.after(() => running.close());
  return { port: Number(new URL(running.addresses[0]!.url).port), log, running };
}

/** Writes modules into a folder of its own, which goes when the tests of the file end. */
export function moduleFolder(): (name: string, wat: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-workers-'));
  after(() => rmSync(folder, { recursive: true }));
  return (name, wat) => {
    const file = join(folder, `${name}.wasm`);
    writeFileSync(file, assemble(wat));
    return file;
  };
}

/** A filter that logs the value of `x-log`, and loops for ever when there is `x-loop`. */
export const LOGS = `(module
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "x-logx-loop")
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (if (i32.eqz (call $get (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 100) (i32.const 104)))
      (then (drop (call $log (i32.const 2) (i32.load (i32.const 100)) (i32.load (i32.const 104))))))
    (if (i32.eqz (call $get (i32.const 0) (i32.const 5) (i32.const 6) (i32.const 100) (i32.const 104)))
      (then (loop $for_ever (br $for_ever))))
    (i32.const 0)))`;

/** A connection, and the worker that has it. */
export interface Placed {
  readonly client: RawClient;
  readonly worker: number;
}

let connections = 0;

/** Opens connections, through a filter LOGS, until each of the workers has so many. */
export async function connectionsToAll(
  t: Pick<TestContext, 'after'>,
  { port, log }: TestWorkers,
  workers: readonly number[],
  each: number,
): Promise<readonly Placed[]> {
  const placed: Placed[] = [];
  const missing = () => workers.filter(worker => placed.filter(p => p.worker === worker).length < each);
  while (missing().length > 0) {
    const client = await RawClient.open(port);
    t.after(() => client.close());
    const id = `connection ${++connections}`;
    client.send(`GET / HTTP/1.1\r\nHost: a\r\nx-log: ${id}\r\n\r\n`);
    await client.response();
    const { fields } = await until(() => log.lines.find(({ message }) => message === id), 'its log line');
    const worker = Number(fields['worker']);
    if (missing().includes(worker)) placed.push({ client, worker });
    else client.close();
  }
  return placed;
}
