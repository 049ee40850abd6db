import type { Direction, FilterContext, HttpStream, Plugin } from '../plugin/types.ts';
import { Guard, type GuardOwner } from './guard.ts';

/** A filter on one stream. */
export interface Stage {
  readonly plugin: Plugin;
  readonly context: FilterContext;
  /** Callbacks go through it, when the filter may be skipped. */
  readonly guard: Guard | undefined;
}

/** @throws what `plugin.open` throws, when the stream can't go on without it */
export function openStage(plugin: Plugin, stream: HttpStream & GuardOwner): Stage {
  if (!plugin.failOpen) return { plugin, context: plugin.open(stream), guard: undefined };
  const guard = Guard.open(plugin, stream, stream);
  return { plugin, context: guard.context, guard };
}

export function stageOf(stages: readonly Stage[], context: FilterContext): Stage | undefined {
  return stages.find(s => s.context === context);
}

/** True when a filter changed that body, or was seen to change such bodies and is still there. */
export function changesBody(
  plugins: readonly Plugin[],
  stages: readonly Stage[],
  direction: Direction,
): boolean {
  for (let i = 0; i < plugins.length; i++) {
    const guard = stages[i]?.guard;
    if (guard?.bodyChanged(direction) === true) return true;
    if (plugins[i]!.seenChanging[direction] && guard?.skipped !== true) return true;
  }
  return false;
}
