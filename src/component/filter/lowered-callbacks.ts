import { BufferType } from '../../abi/types.ts';
import type { GuestMemory } from '../../engine/memory.ts';
import type { CoreGuest } from './lowering.ts';
import { ACTIONS, type Callback, type FilterCallbacks, trap } from './types.ts';

type CoreFunction = (...args: number[]) => number;

/**
 * The callbacks of a filter as its core module exports them (component model, CanonicalABI.md, "lift"). Handles of its
 * resources are what it calls their representation: this host hands them to nobody else.
 * `name`: of the exported interface, for example `weir:filter/http@0.1.0`. Undefined: it lacks one.
 */
export function loweredCallbacks(
  guest: CoreGuest,
  exports: WebAssembly.Exports,
  name: string,
): FilterCallbacks | undefined {
  let missing = false;
  const core = (item: string) => exports[`${name}#${item}`] as CoreFunction | undefined;
  const after = (item: string) => exports[`cabi_post_${name}#${item}`] as CoreFunction | undefined;
  const optional = (item: string): CoreFunction | undefined => {
    const [found, post] = [core(item), after(item)];
    if (found === undefined || post === undefined) return found;
    // It has to be told that its result was taken: StarlingMonkey traps in the next call otherwise.
    return (...args) => {
      const result = found(...args);
      post(result);
      return result;
    };
  };
  const required = (item: string): CoreFunction => {
    const found = optional(item);
    if (found === undefined) missing = true;
    return found as CoreFunction;
  };

  const newPlugin = required('[constructor]plugin-context');
  const newStream = required('[method]plugin-context.create-http-context');
  // These give memory, which is read before they are told.
  const start = core('[method]plugin-context.on-vm-start');
  const configure = core('[method]plugin-context.on-configure');
  const pluginDone = required('[method]plugin-context.on-done');
  const pluginLog = required('[method]plugin-context.on-log');
  const streamDone = required('[method]http-context.on-done');
  const streamLog = required('[method]http-context.on-log');
  // A resource may have no destructor.
  const dropPlugin = optional('[dtor]plugin-context');
  const dropStream = optional('[dtor]http-context');
  if (missing || start === undefined || configure === undefined) return undefined;

  const plugins = new Map<number, number>();
  const streams = new Map<number, number>();

  const configured = (item: string, core: CoreFunction, buffer: number): Callback => {
    const free = after(`[method]plugin-context.${item}`);
    return id => {
      const config = guest.host.buffer(buffer);
      const size = config?.length ?? 0;
      const at = size === 0 ? 1 : guest.allocate(size, 1);
      if (size > 0) config!.copyTo(guest.memory.bytes, at, 0, size);
      const result = core(plugins.get(id)!, at, size);
      const refusal = refusalAt(guest.memory, result);
      if (refusal !== undefined) guest.refused(refusal);
      free?.(result);
      return refusal === undefined ? 1 : 0;
    };
  };

  const onStream = (item: string): Callback | undefined => {
    const core = optional(`[method]http-context.${item}`);
    if (core === undefined) return undefined;
    return (id, b, c) => {
      const action = core(streams.get(id)!, b, c);
      if (action >>> 0 >= ACTIONS.length) throw trap(`${action} is no action`);
      return action;
    };
  };

  return {
    contextCreate: (id, parent) => {
      if (parent === 0) plugins.set(id, newPlugin());
      else streams.set(id, newStream(plugins.get(parent)!, id));
      return 0;
    },
    vmStart: configured('on-vm-start', start, BufferType.VM_CONFIGURATION),
    configure: configured('on-configure', configure, BufferType.PLUGIN_CONFIGURATION),
    requestHeaders: onStream('on-request-headers'),
    requestBody: onStream('on-request-body'),
    requestTrailers: onStream('on-request-trailers'),
    responseHeaders: onStream('on-response-headers'),
    responseBody: onStream('on-response-body'),
    responseTrailers: onStream('on-response-trailers'),
    done: id => {
      const stream = streams.get(id);
      return stream === undefined ? pluginDone(plugins.get(id)!) : streamDone(stream);
    },
    log: id => {
      const stream = streams.get(id);
      if (stream === undefined) pluginLog(plugins.get(id)!);
      else streamLog(stream);
      return 0;
    },
    delete: id => {
      const stream = streams.get(id);
      if (stream === undefined) {
        const plugin = plugins.get(id)!;
        plugins.delete(id);
        dropPlugin?.(plugin);
      } else {
        streams.delete(id);
        dropStream?.(stream);
      }
      return 0;
    },
  };
}

/** Longest text of a refusal that is shown. */
const REFUSAL_MAX_BYTES = 1024;

/** The `err` of a `result<_, string>`; undefined for `ok`. */
function refusalAt(memory: GuestMemory, at: number): string | undefined {
  if (!memory.has(at, 12) || (at & 3) !== 0) throw trap('the result lies outside of the memory');
  const tag = memory.bytes[at >>> 0]!;
  if (tag === 0) return undefined;
  if (tag !== 1) throw trap(`${tag} is no case of a result`);
  const text = memory.u32((at >>> 0) + 4);
  const size = memory.u32((at >>> 0) + 8);
  if (!memory.has(text, size)) throw trap('the text of an error lies outside of the memory');
  return memory.utf8(text, Math.min(size, REFUSAL_MAX_BYTES));
}

/** The intrinsics of exported resources: the guest's own representation is its handle. */
export function resourceIntrinsics(
  exports: () => WebAssembly.Exports | undefined,
  name: string,
): WebAssembly.ModuleImports {
  const intrinsics: WebAssembly.ModuleImports = {};
  for (const resource of ['plugin-context', 'http-context']) {
    intrinsics[`[resource-new]${resource}`] = (rep: number) => rep;
    intrinsics[`[resource-rep]${resource}`] = (handle: number) => handle;
    intrinsics[`[resource-drop]${resource}`] = (handle: number) => {
      // A start function has no exports yet, and so no destructor.
      (exports()?.[`${name}#[dtor]${resource}`] as CoreFunction | undefined)?.(handle);
    };
  }
  return intrinsics;
}
