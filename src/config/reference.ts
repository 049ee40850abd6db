import type { Located } from './document.ts';
import type { PathKey } from './path.ts';
import { suggest } from './suggest.ts';
import type { Place } from './types.ts';

/** Reports one fault. */
export type Fault = (place: Place, path: readonly PathKey[], message: string, remedy: string) => void;

/** The entries of a child; none when it isn't a mapping or list. */
export function entries(parent: Located | undefined, key: string): [PathKey, Located][] {
  return [...(parent?.children.get(key)?.children ?? [])];
}

export function names(root: Located, key: string): ReadonlySet<string> {
  return new Set(entries(root, key).map(([name]) => String(name)));
}

/** A fault when the value is a name that isn't in the list. */
export function known(
  reference: Located,
  path: PathKey[],
  kind: string,
  list: ReadonlySet<string>,
  fault: Fault,
): void {
  const { value } = reference;
  if (typeof value !== 'string' || value === '' || list.has(value)) return;
  const near = suggest(value, list);
  const remedy =
    near !== undefined
      ? `did you mean ${near}?`
      : list.size === 0
        ? `define it under ${kind}s`
        : `define it under ${kind}s, or use one of: ${[...list].join(', ')}`;
  fault(reference.place, path, `unknown ${kind} ${JSON.stringify(value)}`, remedy);
}

/** A fault when the name that `owner` has is in `seen`; puts it there. */
export function uniqueName(
  owner: Located,
  path: readonly PathKey[],
  seen: Map<string, Place>,
  fault: Fault,
): void {
  const name = owner.children.get('name');
  if (typeof name?.value !== 'string') return;
  const first = seen.get(name.value);
  if (first === undefined) seen.set(name.value, name.place);
  else fault(name.place, [...path, 'name'], `the name is taken on line ${first.line}`, 'choose another name');
}
