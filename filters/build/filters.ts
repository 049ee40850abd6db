/** What is built: every filter that Weir ships. */

export type Language = 'rust' | 'go' | 'assemblyscript' | 'c' | 'cpp' | 'javascript' | 'python';
/** What builds a filter: named after the language, where there is one for it. */
export type Tool = Exclude<Language, 'javascript'> | 'quickjs' | 'starlingmonkey';

/** A filter that is a WebAssembly component, not a Proxy-Wasm module. */
export interface Component {
  /** One of filters/wit; none when the source says it to the compiler. */
  readonly world?: string;
  /** Where that world is, relative to filters/. Default: wit/filter.wit. */
  readonly wit?: string;
  /** The core module imports WASI preview 1: what stands in between, relative to filters/. */
  readonly adapter?: string;
  /** What it may import; a name that ends in `:` or `/` stands for all that begins with it. */
  readonly imports: readonly string[];
  /** What it has to export. */
  readonly exports: readonly string[];
  /** False: too large for the repository. `npm run filters:build` makes it, .gitignore knows it. */
  readonly committed: boolean;
}

export interface Filter {
  readonly name: string;
  readonly language: Language;
  readonly tool?: Tool;
  /** Files and folders that the binary is made of, relative to filters/. */
  readonly sources: readonly string[];
  /**
   * The callbacks that stay exported. The SDKs for Rust and Go export every callback there is, and what is exported
   * is called: a body callback that does nothing still makes the host hold every piece of every body.
   */
  readonly callbacks: readonly string[];
  readonly component?: Component;
  /** Bytes of its stack, where that is the linker's to say. Default: what the toolchain does. */
  readonly stack?: number;
  /** Bytes of memory that it begins with, where that is more than its stack and its data. */
  readonly memory?: number;
}

/** For Rust: JSON of 128 levels, where serde_json stops, takes 48 KiB of it. */
const STACK = 64 * 1024;
/** A pattern of 250 levels, where regex stops, takes 156 KiB. */
const REGEX_STACK = 256 * 1024;
/**
 * Where a filter gets by with what it begins with, `isolation: request` uses its memory again. The allocator takes what
 * the linker leaves free (that of Rust 1.98 and later), if it is 64 KiB or more.
 */
const MEMORY = 192 * 1024;
/** With two patterns. */
const REGEX_MEMORY = 768 * 1024;

const REQUEST = 'proxy_on_request_headers';
const RESPONSE = 'proxy_on_response_headers';
const CALL_RESPONSE = 'proxy_on_http_call_response';

function rust(name: string, callbacks: readonly string[], stack = STACK, memory = MEMORY): Filter {
  const shared = ['rust/Cargo.toml', 'rust/Cargo.lock', 'rust/common'];
  return { name, language: 'rust', sources: [`rust/${name}`, ...shared], callbacks, stack, memory };
}

/** A crate that stands alone, so that the modules' Cargo.lock needn't know it. */
function rustComponent(
  name: string,
  imports: readonly string[],
  exports: readonly string[],
  shared: readonly string[] = [],
): Filter {
  const component = { imports, exports, committed: true };
  return {
    name,
    language: 'rust',
    sources: [`rust/${name}`, ...shared],
    callbacks: [],
    component,
    stack: STACK,
  };
}

/** The first version: what was built for it runs on every Weir of a 0.1, and these filters show that. */
const WIT = 'wit/0.1.0/filter.wit';
const REQUEST_HEADERS = 'weir:filter/http-request-headers@0.1.0';
const HEADERS = 'weir:filter/http-headers@0.1.0';
/** The world header-filter, without WASI. */
const HEADER_FILTER: Component = {
  world: 'header-filter',
  wit: WIT,
  imports: ['weir:filter/'],
  exports: [HEADERS],
  committed: true,
};
const VERIFIER = 'acme:auth/verifier@0.1.0';

export const FILTERS: readonly Filter[] = [
  rust('add-header', [REQUEST, RESPONSE]),
  rust('jwt', [REQUEST]),
  rust('rate-limit', [REQUEST, RESPONSE]),
  rust('ext-auth', [REQUEST, CALL_RESPONSE]),
  rust('tcp-sni', ['proxy_on_downstream_data']),
  rust(
    'body-rewrite',
    [
      REQUEST,
      'proxy_on_request_body',
      'proxy_on_request_trailers',
      RESPONSE,
      'proxy_on_response_body',
      'proxy_on_response_trailers',
    ],
    REGEX_STACK,
    REGEX_MEMORY,
  ),
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
    name: 'access-log',
    language: 'cpp',
    sources: ['cpp/access-log', 'c/proxy_wasm.h', 'c/json.h'],
    callbacks: ['proxy_on_log', 'proxy_on_tick', 'proxy_on_queue_ready', CALL_RESPONSE, 'proxy_on_done'],
  },
  {
    name: 'security-headers',
    language: 'c',
    sources: ['c/security-headers', 'c/proxy_wasm.h', 'c/json.h', 'c/tiny_malloc.h'],
    callbacks: [RESPONSE],
  },
  rustComponent(
    'add-header-component',
    ['weir:filter/'],
    [HEADERS],
    [WIT, 'rust/add-header/src/rules.rs', 'rust/common/src/config.rs'],
  ),
  {
    name: 'add-header-component',
    language: 'c',
    sources: ['c/add-header-component', 'c/proxy_wasm.h', 'c/json.h', 'c/tiny_malloc.h', WIT],
    callbacks: [],
    component: HEADER_FILTER,
  },
  {
    name: 'add-header-component',
    language: 'assemblyscript',
    sources: ['assemblyscript/add-header-component', 'assemblyscript/ab-test/assembly/json.ts', WIT],
    callbacks: [],
    component: HEADER_FILTER,
  },
  {
    name: 'add-header-component',
    language: 'go',
    sources: ['go/add-header-component', 'go/wasi.wat', WIT],
    callbacks: [],
    component: { ...HEADER_FILTER, adapter: 'go/wasi.wat' },
  },
  {
    name: 'add-header',
    language: 'javascript',
    tool: 'quickjs',
    sources: ['javascript/add-header', WIT],
    callbacks: [],
    component: HEADER_FILTER,
  },
  {
    name: 'add-header-starlingmonkey',
    language: 'javascript',
    tool: 'starlingmonkey',
    sources: ['javascript/add-header', WIT],
    callbacks: [],
    component: { ...HEADER_FILTER, committed: false },
  },
  {
    name: 'add-header',
    language: 'python',
    sources: ['python/add-header', WIT],
    callbacks: [],
    component: { ...HEADER_FILTER, committed: false },
  },
  rustComponent(
    'verify-token',
    ['weir:filter/', VERIFIER],
    [REQUEST_HEADERS],
    [WIT, 'rust/static-verifier/wit'],
  ),
  rustComponent('static-verifier', [], [VERIFIER]),
  rustComponent('http-greeter', ['wasi:http/', 'wasi:io/'], ['wasi:http/incoming-handler@0.2.12']),
];

/** As in the manifest: rust/add-header. */
export function idOf(filter: Filter): string {
  return `${filter.language}/${filter.name}`;
}

export function toolOf(filter: Filter): Tool {
  if (filter.tool !== undefined) return filter.tool;
  if (filter.language === 'javascript') throw new Error(`${idOf(filter)}: its engine is not named`);
  return filter.language;
}

/** The binary, relative to filters/. */
export function binaryOf(filter: Filter): string {
  return `${idOf(filter)}/${filter.name}.wasm`;
}

/** Filters by name (all of that name) or by language/name; an unknown one is an error. */
export function select(names: readonly string[]): readonly Filter[] {
  if (names.length === 0) return FILTERS;
  return names.flatMap(name => {
    const found = FILTERS.filter(filter => filter.name === name || idOf(filter) === name);
    if (found.length === 0) {
      throw new Error(`no filter is called ${name}; there are: ${FILTERS.map(idOf).join(', ')}`);
    }
    return found;
  });
}
