import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CpuTime, ownThread } from '../../src/engine/interrupt/cpu-time.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Resident bytes of this process, after what can be freed was freed. */
export async function memoryNow(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    collect();
    // Finalizers, and what they free, run between turns.
    await turn();
  }
  return process.memoryUsage.rss();
}

const SAMPLE = /^(\w+(?:\{[^}]*\})?) (\S+)$/;

/** The text format of Prometheus as a map from `name{labels}` to the value. */
export function parseMetrics(text: string): ReadonlyMap<string, number> {
  const out = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = SAMPLE.exec(line);
    if (match !== null) out.set(match[1]!, Number(match[2]));
  }
  return out;
}

const cpu = CpuTime.of(ownThread());

/** How long this thread had to wait for a CPU, where the system tells. */
export class Slowdown {
  readonly #used: number;
  readonly #waited: number;

  constructor() {
    cpu?.read();
    this.#used = cpu?.used ?? 0;
    this.#waited = cpu?.waited ?? 0;
  }

  /** Time it wanted to run by the time it ran, since this was made. */
  take(): number {
    if (cpu?.read() !== true) return 1;
    return 1 + (cpu.waited - this.#waited) / (cpu.used - this.#used);
  }
}
