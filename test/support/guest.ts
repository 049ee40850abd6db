import type { Guest, HostcallTable } from '../../src/abi/guest.ts';
import type { AbiVersion } from '../../src/abi/types.ts';
import { PluginChain } from '../../src/chain/chain.ts';
import type { FilterLimits } from '../../src/config/types.ts';
import { type CompiledModule, compile, sha256 } from '../../src/engine/compile.ts';
import { Interrupter } from '../../src/engine/interrupt/interrupter.ts';
import type { RawFields } from '../../src/message/fields.ts';
import { NO_CAPABILITIES } from '../../src/plugin/capabilities.ts';
import type { PluginOptions, ProxyWasmPlugin } from '../../src/plugin/plugin.ts';
import { VmRegistry } from '../../src/plugin/registry.ts';
import type { Plugin } from '../../src/plugin/types.ts';
import { WASI_PREVIEW1 } from '../../src/wasi/index.ts';
import { GuestLog } from './guest-log.ts';
import {
  assemble,
  CALLBACKS,
  type CallbackName,
  HEAP,
  type PuppetShape,
  puppetRefs,
  puppetText,
} from './guest-wat.ts';
import { FakeServices } from './services.ts';

export type { CallbackName } from './guest-wat.ts';
export { assemble, HEAP } from './guest-wat.ts';

/** How a puppet's allocator behaves. */
export const Alloc = {
  NORMAL: 0,
  NULL: 1,
  OUT_OF_RANGE: 2,
  MISALIGNED: 3,
  GROWING: 4,
  /** The last byte lies outside. */
  ONE_TOO_FAR: 5,
  TRAP: 6,
} as const;

type Call = (...args: (number | bigint)[]) => number;

/** One VM of a puppet module, from inside: hostcalls go through WebAssembly. */
export class Puppet {
  readonly guest: Guest;
  readonly #calls = new Map<string, Call>();
  #scratch = 4096;
  /** Sizes that the host asked the allocator for. */
  readonly allocations: number[] = [];
  /** Called from inside the allocator. */
  onAllocate: (() => void) | undefined;

  constructor(guest: Guest) {
    this.guest = guest;
  }

  refer(name: string, fn: Call): void {
    this.#calls.set(name, fn);
  }

  /** Calls a hostcall, a WASI function or one of the puppet's own functions. */
  call(name: string, ...args: (number | bigint)[]): number {
    const fn = this.#calls.get(name);
    if (fn === undefined) throw new Error(`the puppet has no ${name}`);
    return fn(...args);
  }

  allocator(mode: number): void {
    this.call('set_mode', mode);
  }

  get memory(): Buffer {
    return this.guest.memory.bytes;
  }

  get size(): number {
    return this.guest.memory.size;
  }

  /** Puts bytes (a string: latin1) into memory that is the test's; returns pointer and size. */
  put(data: string | Uint8Array): [ptr: number, size: number] {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    if (this.#scratch + bytes.length > HEAP) this.#scratch = 4096;
    const at = this.#scratch;
    this.memory.set(bytes, at);
    this.#scratch += bytes.length;
    return [at, bytes.length];
  }

  u32(ptr: number): number {
    return this.memory.readUInt32LE(ptr);
  }

  u64(ptr: number): bigint {
    return this.memory.readBigUInt64LE(ptr);
  }

  /** Marks memory so that a write shows. */
  poison(ptr: number, size: number): void {
    this.memory.fill(0xaa, ptr, ptr + size);
  }

  bytes(ptr: number, size: number): Buffer {
    return Buffer.from(this.memory.subarray(ptr, ptr + size));
  }

  text(ptr: number, size: number): string {
    return this.bytes(ptr, size).toString('latin1');
  }

  /** Calls what returns bytes through two pointers at the end of its parameters. */
  fetch(name: string, ...args: number[]): { status: number; bytes: Buffer; ptr: number } {
    this.poison(16, 8);
    const status = this.call(name, ...args, 16, 20);
    if (status !== 0) return { status, bytes: Buffer.alloc(0), ptr: 0 };
    return { status, bytes: this.bytes(this.u32(16), this.u32(20)), ptr: this.u32(16) };
  }

  header(map: number, name: string): string | number {
    const { status, bytes } = this.fetch('proxy_get_header_map_value', map, ...this.put(name));
    return status === 0 ? bytes.toString('latin1') : status;
  }

  setHeader(map: number, name: string, value: string): number {
    return this.call('proxy_replace_header_map_value', map, ...this.put(name), ...this.put(value));
  }

  property(path: string): Buffer | number {
    const { status, bytes } = this.fetch('proxy_get_property', ...this.put(path));
    return status === 0 ? bytes : status;
  }

  body(type: number): string | number {
    const { status, bytes } = this.fetch('proxy_get_buffer_bytes', type, 0, 0xffffffff);
    return status === 0 ? bytes.toString('latin1') : status;
  }

  pairs(pairs: RawFields): [ptr: number, size: number] {
    return this.put(serialise(pairs));
  }

  respond(status: number, body = '', headers: RawFields = [], grpc = -1, details = ''): number {
    return this.call(
      'proxy_send_local_response',
      status,
      ...this.put(details),
      ...this.put(body),
      ...this.pairs(headers),
      grpc,
    );
  }

  log(level: number, text: string): number {
    return this.call('proxy_log', level, ...this.put(text));
  }
}

/** The wire form of a map, written independently of the code under test. */
export function serialise(pairs: RawFields): Buffer {
  const head = Buffer.alloc(4 + pairs.length * 4);
  head.writeUInt32LE(pairs.length / 2);
  pairs.forEach((text, i) => {
    head.writeUInt32LE(Buffer.byteLength(text, 'latin1'), 4 + i * 4);
  });
  return Buffer.concat([head, ...pairs.map(text => Buffer.from(`${text}\0`, 'latin1'))]);
}

/** What a callback does; a number is its result (default: go on, or true). */
export type Handler = (puppet: Puppet, a: number, b: number, c: number, d: number, e: number) => unknown;
export type Script = Partial<Record<CallbackName, Handler>>;

const DEFAULT_RESULT: Partial<Record<CallbackName, number>> = {
  proxy_on_vm_start: 1,
  proxy_on_configure: 1,
  proxy_on_done: 1,
};

const compiled = new Map<string, Promise<CompiledModule>>();

/** Assembles and compiles, once per process. */
export function compileText(text: string): Promise<CompiledModule> {
  let module = compiled.get(text);
  if (module === undefined) {
    const bytes = assemble(text);
    module = compile(bytes, sha256(bytes), LIMITS);
    compiled.set(text, module);
  }
  return module;
}

/** Small enough to be reached in tests; times generous, since machines are busy. */
export const LIMITS: FilterLimits = {
  moduleSize: 32 * 1024 * 1024,
  memory: 16 * 1024 * 1024,
  tableElements: 65_536,
  functionSize: 256 * 1024,
  callTime: 1000,
  startTime: 5000,
  bufferedBody: 1024,
  pauseTime: 30_000,
  headerCount: 256,
  headerBytes: 128 * 1024,
  localResponseBody: 1024 * 1024,
  propertyBytes: 64 * 1024,
  logLines: 100_000,
  contexts: 10_000,
  calls: 100,
  sharedDataBytes: 1024 * 1024,
  queueLength: 1000,
  queueBytes: 1024 * 1024,
  callBytes: 1024 * 1024,
  metrics: 100,
  tickPeriod: 1,
};

export type OptionOverrides = Partial<Omit<PluginOptions, 'limits'>> & {
  readonly limits?: Partial<FilterLimits>;
};

export function pluginOptions(overrides: OptionOverrides = {}): PluginOptions {
  const { limits, ...rest } = overrides;
  return {
    name: 'puppet',
    config: Buffer.alloc(0),
    vmConfig: Buffer.alloc(0),
    vmId: '',
    rootId: '',
    env: {},
    allowOnHeadersStopIteration: false,
    onFailure: 'reload',
    restart: { firstDelay: 100, maxDelay: 10_000, crashesPerMinute: 30 },
    capabilities: NO_CAPABILITIES,
    isolation: 'shared',
    pool: 2,
    ...rest,
    limits: { ...LIMITS, ...limits },
  };
}

/** A registry whose puppets follow one script, which may change while they run. */
export class Rig {
  readonly log: GuestLog;
  readonly registry: VmRegistry;
  /** What filters reach beyond their streams. */
  readonly services: FakeServices;
  readonly module: CompiledModule;
  /** VMs, oldest first. */
  readonly puppets: Puppet[] = [];
  /** Callbacks as they came, `name(context,…)`. */
  readonly calls: string[] = [];
  script: Script;
  /** What a handler threw: an assertion must not look like a fault of the guest. */
  #failure: unknown;

  constructor(
    module: CompiledModule,
    interrupter: Interrupter,
    shape: PuppetShape,
    script: Script,
    log: GuestLog,
    services: FakeServices,
  ) {
    this.module = module;
    this.script = script;
    this.log = log;
    const refs = puppetRefs(shape);
    const byGuest = new Map<Guest, Puppet>();
    const of = (guest: Guest) => {
      let puppet = byGuest.get(guest);
      if (puppet === undefined) {
        puppet = new Puppet(guest);
        byGuest.set(guest, puppet);
        this.puppets.push(puppet);
      }
      return puppet;
    };
    const table: HostcallTable = {
      ...WASI_PREVIEW1,
      test_ref: guest => (i: number, fn: Call) => {
        of(guest).refer(refs[i]!.replace(/^call_/, ''), fn);
        return undefined;
      },
      test_alloc: guest => (size: number) => {
        of(guest).allocations.push(size);
        of(guest).onAllocate?.();
        return undefined;
      },
      test_on:
        guest =>
        (index: number, ...args: [a: number, b: number, c: number, d: number, e: number]) =>
          this.#on(of(guest), CALLBACKS[index]!, args),
    };
    this.services = services;
    this.registry = new VmRegistry({ log, interrupter, wasi: table, services });
  }

  #on(
    puppet: Puppet,
    name: CallbackName,
    args: [a: number, b: number, c: number, d: number, e: number],
  ): number {
    this.calls.push(`${name.replace('proxy_on_', '')}(${args.filter(n => n !== -1).join(',')})`);
    try {
      const result = this.script[name]?.(puppet, ...args);
      return typeof result === 'number' ? result : (DEFAULT_RESULT[name] ?? 0);
    } catch (error) {
      // Traps and exits belong to the guest.
      if (error instanceof Error && error.name === 'AssertionError') this.#failure ??= error;
      throw error;
    }
  }

  start(options: OptionOverrides = {}): ProxyWasmPlugin {
    return this.registry.start(this.module, pluginOptions(options));
  }

  /** A chain of one filter, or of those given. */
  chain(...plugins: Plugin[]): PluginChain {
    return new PluginChain(plugins.length === 0 ? [this.start()] : plugins, this.log);
  }

  get puppet(): Puppet {
    return this.puppets.at(-1)!;
  }

  /** Throws what an assertion in a callback threw. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

export async function rig(
  script: Script = {},
  shape: Partial<PuppetShape> = {},
  log = new GuestLog(),
  services = new FakeServices(),
): Promise<Rig> {
  const whole: PuppetShape = { abi: '0.2.1', ...shape };
  return new Rig(
    await compileText(puppetText(whole)),
    await Interrupter.ofThread(),
    whole,
    script,
    log,
    services,
  );
}

export const VERSIONS: readonly AbiVersion[] = ['0.1.0', '0.2.0', '0.2.1'];

/** Lets microtasks run: what hostcalls asked for. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await undefined;
}
