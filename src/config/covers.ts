/** A match as written in the file; its parts may still have any shape. */
type Match = Readonly<Record<string, unknown>>;

/**
 * Whether every request that fits `later` fits `earlier` too, so that a route with `later` is never reached after
 * one with `earlier`. Says so only when it is certain: two regular expressions count only when they are equal.
 */
export function covers(earlier: Match | undefined, later: Match | undefined): boolean {
  if (earlier === undefined || later === undefined) return false;
  return (
    coversHost(earlier['host'], later['host']) &&
    coversPath(earlier['path'], later['path']) &&
    coversMethods(earlier['methods'], later['methods']) &&
    coversHeaders(earlier['headers'], later['headers'])
  );
}

function coversHost(earlier: unknown, later: unknown): boolean {
  if (earlier === undefined) return true;
  if (typeof earlier !== 'string' || typeof later !== 'string') return false;
  const [wide, narrow] = [earlier.toLowerCase(), later.toLowerCase()];
  return wide === narrow || (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)));
}

function coversPath(earlier: unknown, later: unknown): boolean {
  if (earlier === undefined) return true;
  const wide = pathOf(earlier);
  const narrow = pathOf(later);
  if (wide === undefined || narrow === undefined) return false;
  if (wide.kind === 'prefix' && narrow.kind !== 'regex') {
    // Only at a segment's end, so that it holds however prefixes are compared.
    const segment = wide.value.endsWith('/') ? wide.value : `${wide.value}/`;
    return narrow.value === wide.value || narrow.value.startsWith(segment);
  }
  return wide.kind === narrow.kind && wide.value === narrow.value;
}

function pathOf(path: unknown): { kind: string; value: string } | undefined {
  if (typeof path === 'string') return { kind: 'prefix', value: path };
  if (typeof path !== 'object' || path === null) return undefined;
  const [only, ...more] = Object.entries(path);
  if (only === undefined || more.length > 0 || typeof only[1] !== 'string') return undefined;
  return { kind: only[0], value: only[1] };
}

function coversMethods(earlier: unknown, later: unknown): boolean {
  if (earlier === undefined) return true;
  if (!Array.isArray(earlier) || !Array.isArray(later)) return false;
  const wide = new Set(earlier.map(method => String(method).toUpperCase()));
  return later.every(method => wide.has(String(method).toUpperCase()));
}

function coversHeaders(earlier: unknown, later: unknown): boolean {
  if (earlier === undefined) return true;
  if (typeof earlier !== 'object' || earlier === null) return false;
  if (Object.keys(earlier).length === 0) return true;
  if (typeof later !== 'object' || later === null) return false;
  const narrow = new Map(Object.entries(later).map(([name, value]) => [name.toLowerCase(), value]));
  return Object.entries(earlier).every(([name, value]) => {
    const other: unknown = narrow.get(name.toLowerCase());
    return other !== undefined && (value === true || value === other);
  });
}
