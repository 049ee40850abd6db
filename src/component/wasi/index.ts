import type { Capabilities } from '../../config/types.ts';

/** Where what a guest does outside of its memory ends up. */
export interface WasiHost {
  writeStdio(fd: 1 | 2, bytes: Buffer): void;
  exit(status: number): never;
  denied(what: string, grant: string): void;
}

export function wasiImports(
  _wanted: readonly string[],
  _options: {
    readonly env: Readonly<Record<string, string>>;
    readonly grants: Capabilities;
    readonly mode: 'sync' | 'jspi';
  },
  _host: WasiHost,
): { imports: Record<string, object>; close(): void } {
  return { imports: {}, close() {} };
}

export function ungranted(
  _wanted: readonly string[],
  _grants: Capabilities,
): { import: string; grant: string }[] {
  return [];
}
