import type { Host } from '../../abi/host.ts';
import { FieldsDraft } from './drafts.ts';
import { answerOf, BAD_ARGUMENT, OK } from './types.ts';

const DETAILS_MAX = 256;
const GRPC_STATUS_MAX = 16;
const STATUS_MIN = 200;
const STATUS_MAX = 599;

/** `weir:filter/http-stream.local-response`: an answer in the making. */
export class ResponseDraft {
  readonly #status: number;
  readonly headers = new FieldsDraft();
  #body: Buffer = Buffer.alloc(0);
  #details = '';
  #grpcStatus = -1;

  constructor(status: number) {
    this.#status = status;
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
      host.sendLocalResponse(this.#status, this.#details, this.#body, this.headers.raw, this.#grpcStatus),
    );
  }
}
