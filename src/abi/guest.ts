import type { GuestMemory } from '../engine/memory.ts';
import type { Host } from './host.ts';
import type { AbiVersion, Status } from './types.ts';

/** The VM as a hostcall sees it. */
export interface Guest {
  readonly abi: AbiVersion;
  readonly memory: GuestMemory;
  /** The effective context of the callback that is running. */
  readonly host: Host;
  /**
   * Asks the guest's own allocator for `size` bytes (> 0). The address, checked to lie with all `size` bytes
   * inside the memory, or 0. The memory may have grown: views taken before are stale.
   */
  allocate(size: number): number;
  /** proxy_set_effective_context. */
  setEffectiveContext(id: number): Status;
  /** The environment: `NAME=value` with a NUL after it, each. */
  readonly environment: readonly Buffer[];
  /** Where what the guest writes to stdout and stderr goes. `fd` is 1 or 2. */
  writeStdio(fd: 1 | 2, bytes: Buffer): void;
  /** Ends the VM, never the process: throws through the guest. */
  exit(code: number): never;
}

/** A hostcall as a guest imports it: numbers as WebAssembly passes them, i32 signed and i64 as bigint. */
export type Hostcall = (...args: never[]) => number | bigint | undefined;

/** Makes a hostcall for one VM: made once per instance, and only for what the module imports. */
export type HostcallFactory = (guest: Guest) => Hostcall;

/** Hostcalls by import name. */
export type HostcallTable = Readonly<Record<string, HostcallFactory>>;
