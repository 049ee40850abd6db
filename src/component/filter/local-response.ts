import type { Host } from '../../abi/host.ts';
import { canHold } from '../../abi/room.ts';
import { isFieldValue, isToken, type RawFields } from '../../message/fields.ts';
import { answerOf, BAD_ARGUMENT, LIMIT_REACHED, OK, trap } from './types.ts';

const DETAILS_MAX = 256;
const GRPC_STATUS_MAX = 16;
const STATUS_MIN = 200;
const STATUS_MAX = 599;

/** `weir:filter/http-stream.local-response`: an answer in the making. */
export class ResponseDraft {
  readonly #status: number;
  readonly #headers: RawFields = [];
  #headerBytes = 0;
  #body: Buffer = Buffer.alloc(0);
  #details = '';
  #grpcStatus = -1;

  constructor(status: number) {
    this.#status = status;
  }

  /** `name` in lower case. */
  appendHeader(host: Host, name: string, value: string): number {
    const bytes = name.length + value.length;
    if (this.#headers.length >= 2 * host.limits.headerCount) {
      host.hit('headerCount');
      return LIMIT_REACHED;
    }
    if (!canHold(host, this.#headerBytes + bytes)) return LIMIT_REACHED;
    if (!isToken(name) || !isFieldValue(value)) return BAD_ARGUMENT;
    this.#headers.push(name, value);
    this.#headerBytes += bytes;
    return OK;
  }

  /** Whether a body of that length may be set: to be asked before it is copied. */
  canHold(host: Host, length: number): boolean {
    if (length <= host.limits.localResponseBody) return true;
    host.hit('localResponseBody');
    return false;
  }

  set body(body: Buffer) {
    this.#body = body;
  }

  set details(details: string) {
    this.#details = details.slice(0, DETAILS_MAX);
  }

  setGrpcStatus(status: number): number {
    if (status > GRPC_STATUS_MAX) return BAD_ARGUMENT;
    this.#grpcStatus = status;
    return OK;
  }

  send(host: Host): number {
    if (this.#status < STATUS_MIN || this.#status > STATUS_MAX) return BAD_ARGUMENT;
    return answerOf(
      host.sendLocalResponse(this.#status, this.#details, this.#body, this.#headers, this.#grpcStatus),
    );
  }
}

/** A guest makes one at a time: more than this is one that never lets go. */
const DRAFTS_MAX = 64;

/** The drafts that a guest holds, by handle. */
export class ResponseDrafts {
  readonly #drafts = new Map<number, ResponseDraft>();
  #next = 1;

  add(status: number): number {
    if (this.#drafts.size >= DRAFTS_MAX)
      throw trap(`more than ${DRAFTS_MAX} local responses that were neither sent nor dropped`);
    while (this.#drafts.has(this.#next)) this.#next = (this.#next % 0x3fffffff) + 1;
    const handle = this.#next;
    this.#next = (handle % 0x3fffffff) + 1;
    this.#drafts.set(handle, new ResponseDraft(status));
    return handle;
  }

  get(handle: number): ResponseDraft {
    const draft = this.#drafts.get(handle);
    if (draft === undefined) throw trap(`unknown handle ${handle} of a local response`);
    return draft;
  }

  take(handle: number): ResponseDraft {
    const draft = this.get(handle);
    this.#drafts.delete(handle);
    return draft;
  }
}
