import type { Host } from '../../abi/host.ts';
import { canHold } from '../../abi/room.ts';
import { isFieldValue, isToken, type RawFields } from '../../message/fields.ts';
import { BAD_ARGUMENT, LIMIT_REACHED, OK, trap } from './types.ts';

/** Fields of a message in the making, within the filter's limits. */
export class FieldsDraft {
  readonly raw: RawFields = [];
  #bytes = 0;

  /** `name` in lower case. */
  append(host: Host, name: string, value: string): number {
    const bytes = name.length + value.length;
    if (this.raw.length >= 2 * host.limits.headerCount) {
      host.hit('headerCount');
      return LIMIT_REACHED;
    }
    if (!canHold(host, this.#bytes + bytes)) return LIMIT_REACHED;
    if (!isToken(name) || !isFieldValue(value)) return BAD_ARGUMENT;
    this.raw.push(name, value);
    this.#bytes += bytes;
    return OK;
  }
}

/** A guest makes one at a time: more than this is one that never lets go. */
const DRAFTS_MAX = 64;
const HANDLE_MAX = 0x3fffffff;

/** What a guest holds of a resource of ours, by handle. */
export class Drafts<T> {
  readonly #drafts = new Map<number, T>();
  readonly #what: string;
  #next = 1;

  /** `what`: one of them, in words, for example `local response`. */
  constructor(what: string) {
    this.#what = what;
  }

  add(draft: T): number {
    if (this.#drafts.size >= DRAFTS_MAX)
      throw trap(`more than ${DRAFTS_MAX} ${this.#what}s that were neither sent nor dropped`);
    while (this.#drafts.has(this.#next)) this.#next = (this.#next % HANDLE_MAX) + 1;
    const handle = this.#next;
    this.#next = (handle % HANDLE_MAX) + 1;
    this.#drafts.set(handle, draft);
    return handle;
  }

  get(handle: number): T {
    const draft = this.#drafts.get(handle);
    if (draft === undefined) throw trap(`unknown handle ${handle} of a ${this.#what}`);
    return draft;
  }

  take(handle: number): T {
    const draft = this.get(handle);
    this.#drafts.delete(handle);
    return draft;
  }
}
