/** A mapping's key or a sequence's index. */
export type PathKey = string | number;

/** `['listeners', 0, 'address']` is `listeners[0].address`; keys that aren't plain words are quoted. */
export function formatPath(path: readonly PathKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (!/^[\p{L}\p{N}_<*$-]+$/u.test(key)) text += `[${JSON.stringify(key)}]`;
    else text += text === '' ? key : `.${key}`;
  }
  return text;
}

/** Whether `path` fits a pattern such as `filters.*.limits.memory`, where `*` is any one key or index. */
export function pathFits(path: readonly PathKey[], pattern: string): boolean {
  const keys = pattern.split('.');
  return (
    keys.length === path.length && keys.every((key, index) => key === '*' || key === String(path[index]))
  );
}
