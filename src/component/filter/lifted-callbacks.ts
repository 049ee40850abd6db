import { BufferType } from '../../abi/types.ts';
import { asTrap, type ComponentExports } from '../glue.ts';
import { ACTIONS, type Callback, type ComponentGuest, type FilterCallbacks, trap } from './types.ts';

/** A resource of a guest as jco's glue makes it. */
interface Resource {
  readonly [method: string]: (...args: unknown[]) => unknown;
  [Symbol.dispose](): void;
}

interface Contexts {
  readonly PluginContext: new () => Resource;
  readonly HttpContext: { readonly prototype: Resource };
}

const REFUSAL_MAX = 1024;

/** The callbacks of a filter through jco's glue. `name`: of the interface that it exports. */
export function liftedCallbacks(
  guest: ComponentGuest,
  exports: ComponentExports,
  name: string,
): FilterCallbacks {
  const { PluginContext, HttpContext } = exports[name] as Contexts;
  const plugins = new Map<number, Resource>();
  const streams = new Map<number, Resource>();

  const configured = (method: string, buffer: number): Callback => {
    return id => {
      const config = guest.host.buffer(buffer);
      const bytes = Buffer.alloc(config?.length ?? 0);
      config?.copyTo(bytes, 0, 0, bytes.length);
      try {
        plugins.get(id)![method]!(bytes);
        return 1;
      } catch (error) {
        // The glue throws the `err` of a result with its payload; what else is thrown is the end of the guest.
        if (!isRefusal(error)) throw error;
        guest.refused(error.payload.slice(0, REFUSAL_MAX));
        return 0;
      }
    };
  };

  const onStream = (method: string, sized: boolean): Callback | undefined => {
    if (HttpContext.prototype[method] === undefined) return undefined;
    return (id, b, c) => {
      const stream = streams.get(id)!;
      const said = sized ? stream[method]!(b, c !== 0) : stream[method]!(b);
      const action = (ACTIONS as readonly unknown[]).indexOf(said);
      if (action < 0) throw trap('an action that is none');
      return action;
    };
  };

  const either = (id: number): Resource => streams.get(id) ?? plugins.get(id)!;

  return trapping({
    contextCreate: (id, parent) => {
      if (parent === 0) plugins.set(id, new PluginContext());
      else streams.set(id, plugins.get(parent)!['createHttpContext']!(id) as Resource);
      return 0;
    },
    vmStart: configured('onVmStart', BufferType.VM_CONFIGURATION),
    configure: configured('onConfigure', BufferType.PLUGIN_CONFIGURATION),
    requestHeaders: onStream('onRequestHeaders', true),
    requestBody: onStream('onRequestBody', true),
    requestTrailers: onStream('onRequestTrailers', false),
    responseHeaders: onStream('onResponseHeaders', true),
    responseBody: onStream('onResponseBody', true),
    responseTrailers: onStream('onResponseTrailers', false),
    done: id => Number(either(id)['onDone']!()),
    log: id => {
      either(id)['onLog']!();
      return 0;
    },
    delete: id => {
      const context = either(id);
      if (!streams.delete(id)) plugins.delete(id);
      context[Symbol.dispose]();
      return 0;
    },
  });
}

/** The same callbacks: what the glue finds wrong with the guest is a trap. */
function trapping(callbacks: FilterCallbacks): FilterCallbacks {
  const guarded = Object.entries(callbacks).map(([name, callback]: [string, Callback | undefined]) => [
    name,
    callback && guard(callback),
  ]);
  return Object.fromEntries(guarded);
}

function guard(callback: Callback): Callback {
  return (a, b, c) => {
    try {
      return callback(a, b, c);
    } catch (error) {
      throw asTrap(error);
    }
  };
}

function isRefusal(error: unknown): error is { payload: string } {
  return typeof (error as { payload?: unknown } | null)?.payload === 'string';
}
