import { createHash } from 'node:crypto';
import { ModuleError } from '../errors.ts';

/** Types lie in each other no deeper than this. */
const MAX_DEPTH = 100;
/** A text is cut off here: it is for messages. */
const MAX_TEXT = 1000;
/** And so many types that it names are kept. */
const MAX_NAMED = 100;

/** A field, case, flag or parameter; what has no name (an element of a tuple) has an empty label. */
export interface Part {
  readonly label: string;
  readonly type: Type | undefined;
}

/** A type of the component model, or a function's. Aliases are dissolved: `type a = b` is `b`. */
export class Type {
  /** What WIT calls it: `record`, `list`, `u8`, `func`, … */
  readonly head: string;
  readonly parts: readonly Part[];
  /** Of a function. */
  readonly result: Type | undefined;
  readonly depth: number;
  /** Empty: it has none. */
  name = '';
  /** The interface that names it, without its version. */
  home = '';
  #shape = '';
  #text = '';
  #named: readonly Type[] | undefined;

  constructor(head: string, parts: readonly Part[] = [], result?: Type) {
    this.head = head;
    this.parts = parts;
    this.result = result;
    let deepest = result?.depth ?? 0;
    for (const { type } of parts) if (type !== undefined) deepest = Math.max(deepest, type.depth);
    this.depth = deepest + 1;
    if (this.depth > MAX_DEPTH) {
      throw new ModuleError(
        'MODULE_LIMIT',
        `the component's types are nested deeper than ${MAX_DEPTH} levels`,
      );
    }
  }

  /** Equal for types that take the same values. Ask once everything has its name. */
  get shape(): string {
    if (this.#shape === '') {
      const facts =
        this.head === 'resource'
          ? ['resource', this.home, this.name]
          : [this.head, this.parts.map(({ label, type }) => [label, type?.shape]), this.result?.shape];
      this.#shape = createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 22);
    }
    return this.#shape;
  }

  /** Its name, or what it is made of. */
  get text(): string {
    if (this.name !== '') return this.name;
    if (this.#text === '') this.#text = this.definition(this.parts);
    return this.#text;
  }

  /** The types that its text names, in order, the first hundred of them. */
  get named(): readonly Type[] {
    if (this.#named === undefined) {
      const found = new Set<Type>();
      for (const type of [...this.parts.map(part => part.type), this.result]) {
        if (type === undefined || found.size >= MAX_NAMED) continue;
        for (const each of type.name === '' ? type.named : [type]) found.add(each);
      }
      this.#named = [...found].slice(0, MAX_NAMED);
    }
    return this.#named;
  }

  /** What it is made of, as WIT has it; of a method without the parameter `self`. */
  definition(parts: readonly Part[] = this.parts): string {
    const { head } = this;
    switch (head) {
      case 'record':
      case 'variant':
      case 'enum':
      case 'flags':
        return `${head} { ${joined(parts, head === 'record' ? field : caseText)} }`;
      case 'own':
        return parts[0]?.type?.text ?? 'own';
      case 'result':
        return resultText(parts);
      case 'list':
      case 'tuple':
      case 'option':
      case 'borrow':
      case 'stream':
      case 'future':
      case 'map':
        return parts[0]?.type === undefined ? head : `${head}<${joined(parts, elementText)}>`;
      case 'func':
      case 'async func': {
        const result = this.result === undefined ? '' : ` -> ${this.result.text}`;
        return `${head}(${joined(parts, field)})${result}`;
      }
      default:
        return head;
    }
  }
}

function joined(parts: readonly Part[], text: (part: Part) => string): string {
  let line = '';
  for (const part of parts) {
    line += `${line === '' ? '' : ', '}${text(part)}`;
    if (line.length > MAX_TEXT) return `${line.slice(0, MAX_TEXT)}…`;
  }
  return line;
}

function field({ label, type }: Part): string {
  return `${label}: ${type?.text ?? '_'}`;
}

function caseText({ label, type }: Part): string {
  return type === undefined ? label : `${label}(${type.text})`;
}

/** The label of a list's element is the list's fixed length. */
function elementText({ label, type }: Part): string {
  return `${type?.text ?? '_'}${label === '' ? '' : `, ${label}`}`;
}

function resultText([ok, error]: readonly Part[]): string {
  if (error?.type !== undefined) return `result<${ok?.type?.text ?? '_'}, ${error.type.text}>`;
  return ok?.type === undefined ? 'result' : `result<${ok.type.text}>`;
}
