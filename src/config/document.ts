import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
} from 'yaml';
import type { ConfigIssue } from '../errors.ts';
import { formatPath, type PathKey } from './path.ts';
import { remedyForSyntax } from './syntax.ts';
import type { Place } from './types.ts';

/** Most values a file may hold once its anchors are expanded: a real configuration has some hundred. */
const maxValues = 100_000;
/** Deepest nesting. */
const maxDepth = 64;

/** A value together with where it stands in the text. */
export interface Located {
  readonly value: unknown;
  /** Of the value; of its key when the value is empty. */
  readonly place: Place;
  /** Of the key of a mapping's entry; otherwise of the value. */
  readonly keyPlace: Place;
  /** Entries of a mapping or sequence. */
  readonly children: ReadonlyMap<PathKey, Located>;
}

/** What a text holds: `root` is undefined exactly when `issues` has entries that make it unreadable. */
export interface YamlDocument {
  readonly root: Located | undefined;
  readonly issues: readonly ConfigIssue[];
}

/** Reads YAML 1.2 (core schema, plus merge keys) into plain values with places. Never throws. */
export function readDocument(text: string, file: string): YamlDocument {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const options = { lineCounter: lines, prettyErrors: false, uniqueKeys: false, schema: 'core' } as const;
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, options);
  } catch (error) {
    // The parser's own limits (recursion) end here; a configuration can't make the process fail otherwise.
    const message = `not readable as YAML: ${(error as Error).message}`;
    return { root: undefined, issues: [{ file, line: 1, column: 1, path: '', message, remedy: '' }] };
  }
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const issues = faults.map(({ code, message, pos }) => {
      const { line, column } = placeAt(pos[0]);
      return { file, line, column, path: '', ...remedyForSyntax(code, message, text, pos[0]) };
    });
    return { root: undefined, issues };
  }
  const reader = new Reader(text, placeAt);
  const root = document.contents === null ? undefined : reader.read(document.contents, [], undefined);
  if (root === undefined && reader.issues.length === 0) {
    const remedy = 'it needs at least listeners and upstreams; see config/minimal.yaml';
    return { root, issues: [{ file, line: 1, column: 1, path: '', message: 'the file is empty', remedy }] };
  }
  return { root, issues: reader.issues };
}

/** The budget is used up: reading ends, with what was found so far. */
class BudgetExceeded extends Error {}

/** Turns nodes into located values; expands anchors itself, because it has to find cycles and bombs. */
class Reader {
  readonly issues: ConfigIssue[] = [];
  readonly #text: string;
  readonly #placeAt: (offset: number) => Place;
  readonly #anchors = new Map<string, Node>();
  /** Nodes being read: an alias to one of them is a cycle. */
  readonly #open = new Set<Node>();
  #values = 0;
  #aliases = 0;

  constructor(text: string, placeAt: (offset: number) => Place) {
    this.#text = text;
    this.#placeAt = placeAt;
  }

  /** Undefined when the budget ran out; then there is an issue that says so. */
  read(node: Node, path: readonly PathKey[], key: Place | undefined): Located | undefined {
    try {
      return this.#node(node, path, key);
    } catch (error) {
      if (error instanceof BudgetExceeded) return undefined;
      throw error;
    }
  }

  #node(node: Node, path: readonly PathKey[], key: Place | undefined): Located {
    const place = this.#place(node, key);
    this.#values += 1;
    if (this.#values > maxValues) {
      this.#fault(place, path, `more than ${maxValues} values, anchors expanded`, 'use fewer aliases');
      throw new BudgetExceeded();
    }
    if (path.length > maxDepth) {
      this.#fault(place, path, `nested deeper than ${maxDepth} levels`, '');
      throw new BudgetExceeded();
    }
    if (isAlias(node)) return this.#alias(node, path, place, key);
    // Inside an expanded alias the anchors are known already, and may be redefined by now.
    if (this.#aliases === 0 && 'anchor' in node && node.anchor !== undefined) {
      this.#anchors.set(node.anchor, node);
    }
    this.#open.add(node);
    let located: Located;
    if (isMap(node)) located = this.#mapping(node.items as Pair<Node, Node | null>[], path, place, key);
    else if (isSeq(node)) located = this.#sequence(node.items as Node[], path, place, key);
    else located = this.#scalar(isScalar(node) ? node : undefined, path, place, key);
    this.#open.delete(node);
    return located;
  }

  #alias(alias: Alias, path: readonly PathKey[], place: Place, key: Place | undefined): Located {
    const target = this.#anchors.get(alias.source);
    const nothing = { value: undefined, place, keyPlace: key ?? place, children: new Map() };
    if (target === undefined) {
      const remedy = `define it before with &${alias.source}, or quote the value if it is meant to start with *`;
      this.#fault(place, path, `unknown anchor *${alias.source}`, remedy);
      return nothing;
    }
    if (this.#open.has(target)) {
      this.#fault(
        place,
        path,
        `cyclic anchor: *${alias.source} stands inside &${alias.source}`,
        'write it out',
      );
      return nothing;
    }
    this.#aliases += 1;
    const located = this.#node(target, path, undefined);
    this.#aliases -= 1;
    return { ...located, place, keyPlace: key ?? place };
  }

  #mapping(pairs: Pair<Node, Node | null>[], path: readonly PathKey[], place: Place, key?: Place): Located {
    const children = new Map<PathKey, Located>();
    const merged: Located[] = [];
    for (const pair of pairs) {
      const keyPlace = this.#place(pair.key, undefined);
      const keyText = this.#key(pair.key, path, keyPlace);
      if (keyText === undefined) continue;
      const child = [...path, keyText];
      const value =
        pair.value === null
          ? { value: null, place: keyPlace, keyPlace, children: new Map() }
          : this.#node(pair.value, child, keyPlace);
      if (keyText === '<<' && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        merged.push(...this.#sources(value, child));
        continue;
      }
      const first = children.get(keyText);
      if (first === undefined) children.set(keyText, value);
      else this.#fault(keyPlace, child, 'duplicate key', `first on line ${first.keyPlace.line}; remove one`);
    }
    // A mapping's own keys win over merged ones, and earlier sources over later ones.
    for (const source of merged) {
      for (const [name, child] of source.children) if (!children.has(name)) children.set(name, child);
    }
    const value: Record<string, unknown> = {};
    for (const [name, child] of children) value[name] = child.value;
    return { value, place, keyPlace: key ?? place, children };
  }

  /** The mappings a merge key takes entries from. */
  #sources(merge: Located, path: readonly PathKey[]): Located[] {
    if (merge.value === undefined) return [];
    const sources = Array.isArray(merge.value) ? [...merge.children.values()] : [merge];
    const bad = sources.find(
      ({ value }) => typeof value !== 'object' || value === null || Array.isArray(value),
    );
    if (bad === undefined) return sources;
    this.#fault(bad.place, path, 'only a mapping can be merged', 'for example <<: *anchor');
    return [];
  }

  #key(node: Node, path: readonly PathKey[], place: Place): string | undefined {
    if (this.#aliases === 0 && isScalar(node) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, node);
    const target = isAlias(node) ? this.#anchors.get(node.source) : node;
    if (!isScalar(target) || target.value === null) {
      this.#fault(place, path, 'a key has to be a word', '');
      return undefined;
    }
    // As written, so that the key 01 stays 01 and true stays true.
    const text = typeof target.value === 'string' ? target.value : (target.source ?? String(target.value));
    if (text !== '__proto__') return text;
    this.#fault(place, [...path, text], 'this key is not allowed', 'rename it');
    return undefined;
  }

  #sequence(nodes: readonly Node[], path: readonly PathKey[], place: Place, key?: Place): Located {
    const children = new Map<PathKey, Located>();
    nodes.forEach((node, index) => {
      children.set(index, this.#node(node, [...path, index], undefined));
    });
    return {
      value: [...children.values()].map(child => child.value),
      place,
      keyPlace: key ?? place,
      children,
    };
  }

  #scalar(scalar: Scalar | undefined, path: readonly PathKey[], place: Place, key?: Place): Located {
    const value = scalar?.value;
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) this.#fault(place, path, `${value} is not a number JSON has`, 'quote it');
      else if (losesDigits(value, scalar?.source ?? '')) {
        this.#fault(place, path, 'this number is too large to be kept exactly', 'quote it');
      }
    }
    return { value, place, keyPlace: key ?? place, children: new Map() };
  }

  /** Where a node begins; an empty value has no text of its own and stands at its key. */
  #place(node: Node, key: Place | undefined): Place {
    const [start, end] = node.range ?? [0, 0];
    if (start === end && key !== undefined) return key;
    // A block collection's range begins at its first entry, a flow one's at its bracket: both are right.
    return this.#placeAt(Math.min(start, this.#text.length));
  }

  #fault(place: Place, path: readonly PathKey[], message: string, remedy: string): void {
    this.issues.push({ ...place, path: formatPath(path), message, remedy });
  }
}

/** Whether an integer as written would come out of JSON with other digits. */
function losesDigits(value: number, source: string): boolean {
  if (!/^[-+]?[0-9]{1,400}$/.test(source) || Number.isSafeInteger(value)) return false;
  return String(value) !== source && BigInt(value) !== BigInt(source.replace('+', ''));
}

/** The value at `path`, or the nearest one above it that exists. */
export function locate(root: Located, path: readonly PathKey[]): Located {
  let located = root;
  for (const key of path) {
    const child = located.children.get(key);
    if (child === undefined) break;
    located = child;
  }
  return located;
}
