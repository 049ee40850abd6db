/** Variant `wasi:http/types.method` as jco has it. */
export type Method =
  | { readonly tag: Lowercase<(typeof METHODS)[number]> }
  | { readonly tag: 'other'; readonly val: string };

/** Variant `wasi:http/types.scheme`. */
export type Scheme = { readonly tag: 'HTTP' | 'HTTPS' } | { readonly tag: 'other'; readonly val: string };

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'] as const;

const BY_NAME = new Map<string, Method>(
  METHODS.map(name => [name, { tag: name.toLowerCase() as Lowercase<typeof name> }]),
);

export function methodOf(name: string): Method {
  return BY_NAME.get(name) ?? { tag: 'other', val: name };
}

export function nameOf(method: Method): string {
  return method.tag === 'other' ? method.val : method.tag.toUpperCase();
}

export function schemeOf(name: string): Scheme {
  if (name === 'http') return { tag: 'HTTP' };
  if (name === 'https') return { tag: 'HTTPS' };
  return { tag: 'other', val: name };
}
