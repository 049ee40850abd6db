/** Running other programs. */

import { spawnSync } from 'node:child_process';

export interface Result {
  readonly ok: boolean;
  readonly stdout: string;
  /** Everything it said, for the error message. */
  readonly output: string;
}

export interface Options {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function run(command: string, args: readonly string[], options: Options = {}): Result {
  const child = spawnSync(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (child.error !== undefined) return { ok: false, stdout: '', output: child.error.message };
  return {
    ok: child.status === 0,
    stdout: child.stdout.trim(),
    output: `${child.stdout}${child.stderr}`.trim(),
  };
}

/** What a program prints, or undefined when it is not there or fails. */
export function ask(command: string, args: readonly string[], options?: Options): string | undefined {
  const result = run(command, args, options);
  return result.ok ? result.stdout : undefined;
}

/** Whether a dotted version is at least as new as another one. */
export function atLeast(version: string, least: string): boolean {
  const wanted = least.split('.').map(Number);
  const parts = version.split('.').map(Number);
  for (const [i, want] of wanted.entries()) {
    const have = parts[i] ?? 0;
    if (have !== want) return have > want;
  }
  return true;
}
