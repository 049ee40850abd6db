/** What is built: every filter that Weir ships. */

export type Language = 'rust' | 'go' | 'assemblyscript' | 'c' | 'cpp';

export interface Filter {
  readonly name: string;
  readonly language: Language;
  /** Files and folders that the binary is made of, relative to filters/. */
  readonly sources: readonly string[];
  /**
   * The callbacks that stay exported. The SDKs for Rust and Go export every callback there is, and what is exported
   * is called: a body callback that does nothing still makes the host hold every piece of every body.
   */
  readonly callbacks: readonly string[];
}

const REQUEST = 'proxy_on_request_headers';
const RESPONSE = 'proxy_on_response_headers';

function rust(name: string, callbacks: readonly string[]): Filter {
  const shared = ['rust/Cargo.toml', 'rust/Cargo.lock', 'rust/common'];
  return { name, language: 'rust', sources: [`rust/${name}`, ...shared], callbacks };
}

export const FILTERS: readonly Filter[] = [
  rust('add-header', [REQUEST, RESPONSE]),
  rust('jwt', [REQUEST]),
  rust('body-rewrite', [
    REQUEST,
    'proxy_on_request_body',
    'proxy_on_request_trailers',
    RESPONSE,
    'proxy_on_response_body',
    'proxy_on_response_trailers',
  ]),
  {
    name: 'cookie-to-header',
    language: 'go',
    sources: ['go/cookie-to-header'],
    callbacks: [REQUEST],
  },
  {
    name: 'ab-test',
    language: 'assemblyscript',
    sources: ['assemblyscript/ab-test'],
    callbacks: [REQUEST, RESPONSE],
  },
  {
    name: 'basic-auth',
    language: 'cpp',
    sources: ['cpp/basic-auth', 'c/proxy_wasm.h', 'c/json.h'],
    callbacks: [REQUEST],
  },
  {
    name: 'security-headers',
    language: 'c',
    sources: ['c/security-headers', 'c/proxy_wasm.h', 'c/json.h', 'c/tiny_malloc.h'],
    callbacks: [RESPONSE],
  },
];

/** As in the manifest: rust/add-header. */
export function idOf(filter: Filter): string {
  return `${filter.language}/${filter.name}`;
}

/** The binary, relative to filters/. */
export function binaryOf(filter: Filter): string {
  return `${idOf(filter)}/${filter.name}.wasm`;
}

/** Filters by name or by language/name; an unknown one is an error. */
export function select(names: readonly string[]): readonly Filter[] {
  if (names.length === 0) return FILTERS;
  return names.map(name => {
    const found = FILTERS.find(filter => filter.name === name || idOf(filter) === name);
    if (found === undefined) {
      throw new Error(`no filter is called ${name}; there are: ${FILTERS.map(idOf).join(', ')}`);
    }
    return found;
  });
}
