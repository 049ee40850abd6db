import { asTrap, type ComponentExports } from '../glue.ts';
import { withoutVersion } from '../interface-name.ts';
import { type Callback, EVENTS, type EventCallbacks, PACKAGE } from './types.ts';

type CoreFunction = (...args: (number | undefined)[]) => number | undefined;
type EventFunction = Callback & NonNullable<EventCallbacks['httpCallResponse']>;

/**
 * The events of a filter as its core module exports them: numbers, and no result. `names`: of the interfaces, for example
 * `weir:filter/tick-events@0.1.1`. Undefined: it lacks one.
 */
export function loweredEvents(
  exports: WebAssembly.Exports,
  names: readonly string[],
): EventCallbacks | undefined {
  const callbacks: Partial<Record<keyof EventCallbacks, EventFunction>> = {};
  for (const name of names) {
    for (const [item, key] of eventsOf(name)) {
      const core = exports[`${name}#${item}`] as CoreFunction | undefined;
      if (core === undefined) return undefined;
      const post = exports[`cabi_post_${name}#${item}`] as CoreFunction | undefined;
      callbacks[key] = (a: number, b: number, c: number, d?: number, e?: number) => {
        core(a, b, c, d, e);
        post?.();
        return 0;
      };
    }
  }
  return callbacks as EventCallbacks;
}

/** The same through jco's glue. */
export function liftedEvents(exports: ComponentExports, names: readonly string[]): EventCallbacks {
  const callbacks: Partial<Record<keyof EventCallbacks, EventFunction>> = {};
  for (const name of names) {
    const functions = exports[name] as Readonly<Record<string, (...args: (number | undefined)[]) => void>>;
    for (const [item, key] of eventsOf(name)) {
      const method = item.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      callbacks[key] = (a: number, b: number, c: number, d?: number, e?: number) => {
        try {
          functions[method]!(a, b, c, d, e);
        } catch (error) {
          throw asTrap(error);
        }
        return 0;
      };
    }
  }
  return callbacks as EventCallbacks;
}

function eventsOf(name: string): [item: string, key: keyof EventCallbacks][] {
  return Object.entries(EVENTS[withoutVersion(name).slice(PACKAGE.length)]!);
}
