/** What was posted, its bytes being Buffers again: posting makes plain arrays of them. It is changed in place. */
export function withBuffers<T>(value: T): T {
  return restore(value, new Set()) as T;
}

function restore(value: unknown, seen: Set<object>): unknown {
  if (typeof value !== 'object' || value === null || seen.has(value)) return value;
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  }
  seen.add(value);
  if (value instanceof Map) {
    for (const [key, each] of value) value.set(key, restore(each, seen));
    return value;
  }
  if (ArrayBuffer.isView(value) || value instanceof Set) return value;
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) record[key] = restore(record[key], seen);
  return value;
}
