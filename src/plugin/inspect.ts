import { HOSTCALLS } from '../abi/hostcalls/index.ts';
import { abiVersion, isComponentCore } from '../abi/link.ts';
import type { AbiVersion } from '../abi/types.ts';
import { identify } from '../engine/identify.ts';
import { customSections, memoryLimits, producers } from '../engine/sections.ts';
import { ModuleError } from '../errors.ts';
import { WASI_PREVIEW1 } from '../wasi/index.ts';
import { phasesOf } from './callbacks.ts';
import { type CodeReport, type LoadReport, prepare } from './inspect-code.ts';
import type { ComponentReport } from './inspect-component.ts';
import type { Phases } from './types.ts';

export type { CodeReport, LoadReport } from './inspect-code.ts';
export type { ComponentReport, CoreReport, ExportReport, InterfaceReport } from './inspect-component.ts';

/** What a module is, as far as its bytes say. */
export interface ModuleReport {
  readonly kind: 'core' | 'component';
  /** Bytes. */
  readonly size: number;
  /** Null: not a Proxy-Wasm module. */
  readonly abi: AbiVersion | null;
  readonly imports: readonly ImportReport[];
  readonly exports: readonly { readonly name: string; readonly kind: string }[];
  /** Exported `proxy_on_…` functions. */
  readonly callbacks: readonly string[];
  /** Null: it defines no memory of its own. */
  readonly memory: { readonly initialBytes: number; readonly maximumBytes: number | null } | null;
  readonly code: CodeReport;
  /** Null: Weir doesn't run it. */
  readonly load: LoadReport | null;
  /** Where it is called for a request; null: it is no filter, or one whose messages are its own (wasi:http). */
  readonly phases: Phases | null;
  /** From the producers section; empty when it doesn't say. */
  readonly language: string;
  readonly producers: Readonly<Record<string, string>>;
  readonly customSections: readonly { readonly name: string; readonly size: number }[];
  /** It imports the hostcall that changes bodies. */
  readonly mayChangeBody: boolean;
  /** It was built to become a component, and is none yet. */
  readonly isComponentCore: boolean;
  /** Why Weir doesn't run it, whatever the configuration says; empty when it does. */
  readonly refusal: string;
  /** Of a component; null for core modules. */
  readonly component: ComponentReport | null;
}

export interface ImportReport {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
  /**
   * `plug`: a component named in `plugs` has to provide it.
   * `unknown`: the module doesn't load.
   */
  readonly status: 'implemented' | 'plug' | 'unknown';
}

function isKnown(abi: AbiVersion | null, module: string, name: string, kind: string): boolean {
  if (kind !== 'function') return false;
  if (module === 'env') return Object.hasOwn(HOSTCALLS[abi ?? '0.2.1'], name);
  return (
    (module === 'wasi_snapshot_preview1' || module === 'wasi_unstable') && Object.hasOwn(WASI_PREVIEW1, name)
  );
}

/**
 * Reads a module without running any of it.
 * @throws ModuleError MODULE_NOT_WASM, MODULE_MALFORMED; of components MODULE_UNSUPPORTED and MODULE_LIMIT, too
 */
export async function inspectModule(bytes: Uint8Array): Promise<ModuleReport> {
  const kind = identify(bytes);
  if (kind === 'component') return componentReport(bytes);
  const sections = customSections(bytes);
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(new Uint8Array(bytes));
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.replace(/^WebAssembly\.Module\(\): /, '') : String(error);
    throw new ModuleError('MODULE_MALFORMED', `the module is not valid WebAssembly: ${reason}`, {
      cause: error,
    });
  }
  const exports = WebAssembly.Module.exports(module);
  const abi = abiVersion(exports);
  const imports = WebAssembly.Module.imports(module).map(({ module, name, kind }) => ({
    module,
    name,
    kind,
    status: isKnown(abi, module, name, kind) ? ('implemented' as const) : ('unknown' as const),
  }));
  const limits = memoryLimits(bytes);
  const made = producers(module);
  const callbacks = exports
    .filter(e => e.kind === 'function' && e.name.startsWith('proxy_on_'))
    .map(e => e.name);
  const mayChangeBody = imports.some(i => i.name === 'proxy_set_buffer_bytes');
  return {
    kind,
    size: bytes.length,
    abi,
    imports,
    exports: exports.map(({ name, kind }) => ({ name, kind })),
    callbacks,
    memory: limits === null ? null : { initialBytes: limits.initial, maximumBytes: limits.maximum },
    language: made['language'] ?? '',
    producers: made,
    customSections: sections,
    isComponentCore: isComponentCore(exports),
    mayChangeBody,
    phases: abi === null ? null : phasesOf(new Set(callbacks), mayChangeBody),
    ...(await prepare([bytes])),
    component: null,
  };
}

async function componentReport(bytes: Uint8Array): Promise<ModuleReport> {
  // Only now: whoever has modules alone pays nothing for components.
  const { inspectComponent } = await import('./inspect-component.ts');
  const { report, producers, phases, mayChangeBody, refusal: none, modules } = inspectComponent(bytes);
  const { world, imports, exports, cores } = report;
  const own = world?.kind === 'filter' ? [world.export, ...world.events] : [];
  const callbacks = exports.filter(({ name }) => own.includes(name)).flatMap(({ functions }) => functions);
  const memories = cores.flatMap(({ memory }) => (memory === null ? [] : [memory]));
  const maxima = memories.map(({ maximumBytes }) => maximumBytes ?? Number.POSITIVE_INFINITY);
  const maximum = maxima.reduce((sum, each) => sum + each, 0);
  const initialBytes = memories.reduce((sum, each) => sum + each.initialBytes, 0);
  const prepared = await prepare(modules);
  return {
    kind: 'component',
    size: bytes.length,
    abi: null,
    imports: imports.flatMap(({ name: module, functions, from }) => {
      const status = from === 'weir' || from === 'wasi' ? 'implemented' : from;
      return functions.map(name => ({ module, name, kind: 'function', status }) as const);
    }),
    exports: exports.map(({ name, kind }) => ({ name, kind: kind === 'func' ? 'function' : kind })),
    callbacks: callbacks.filter(name => /(^|\.)on-/.test(name)),
    memory:
      memories.length === 0
        ? null
        : { initialBytes, maximumBytes: Number.isFinite(maximum) ? maximum : null },
    language: producers['language'] ?? '',
    producers,
    customSections: customSections(bytes),
    isComponentCore: false,
    mayChangeBody,
    phases,
    ...prepared,
    refusal: none || (prepared.refusal === '' ? '' : `a core module of it: ${prepared.refusal}`),
    component: report,
  };
}
