import type { Capabilities } from '../../config/types.ts';
import { bracketExports, bracketImports } from '../../engine/bracket.ts';
import type { Memories } from '../../engine/instantiate.ts';
import type { Interrupter } from '../../engine/interrupt/interrupter.ts';
import { Segments } from '../../engine/interrupt/segments.ts';
import type { CompiledComponent } from '../compile.ts';
import { countCopies } from '../copies.ts';
import type { ComponentImports } from '../glue.ts';
import { type CoreInstance, instantiateParts } from '../instance.ts';
import { type WasiHost, type WasiInstance, wasiImports } from '../wasi/index.ts';
import type { ErrorCode } from './error-code.ts';
import { type HandlerHost, httpImports, type RequestSender, ResponseOutparam } from './imports.ts';
import { IncomingRequest, type PendingResponse, type RequestLine } from './incoming.ts';
import type { Inflow } from './inflow.ts';
import { HttpInstance, type HttpLimits } from './instance.ts';
import { guardLists } from './lists.ts';
import type { OutgoingRequest, RequestOptions } from './outgoing.ts';

/** What instances of a handler are made of. */
export interface GuestSpec {
  readonly compiled: CompiledComponent;
  /** Interfaces of WASI that it imports, without versions; those of wasi:http are left to this. */
  readonly wasi: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly grants: Capabilities;
  readonly limits: HttpLimits;
  /** ms: for the instance to be made; until others have their turn; for each stretch that it runs; for all of them (`moved` begins anew). */
  readonly times: {
    readonly start: number;
    readonly turn: number;
    readonly call: number;
    readonly total: number;
  };
}

type Handle = (request: IncomingRequest, outparam: ResponseOutparam) => Promise<void>;

/** Of body bytes that went through a guest, so many renew what it may compute. */
const RENEWAL_BYTES = 1024 * 1024;

/** ms that one call costs the host, at the most: what other guests took in between is not its own. */
const CALL_MOST = 1;

let turns = 0;
let counting = false;

/** A number that changes with each turn of the event loop: as long as somebody asks. */
function loopTurn(): number {
  if (!counting) {
    counting = true;
    setImmediate(() => {
      counting = false;
      turns++;
    });
  }
  return turns;
}

/** Segments of a guest that ends with its instance, wherever it waits: its stack must not stay suspended. */
class GuestSegments extends Segments {
  wasi: WasiInstance | undefined;

  override resumed(was: number): boolean {
    if (this.wasi?.failed === true) this.death ??= 'unwound';
    return super.resumed(was);
  }
}

/** An instance of a `wasi:http/proxy` component: for one request at a time. */
export class HttpGuest implements RequestSender {
  readonly instance: HttpInstance;
  readonly segments: GuestSegments;
  readonly memories: Memories[] = [];
  readonly #handle: Handle;
  readonly #close: () => void;
  #host: HandlerHost | undefined;
  #moved = 0;
  /** The turn of the event loop that it last made a call in, when that began, and as of that call. */
  #turn = -1;
  #turnBegan = 0;
  #pacedAt = 0;
  #usedThen = 0;

  /** Guest code may run in here. @throws ModuleError for memory, PluginError, and whatever the guest does */
  constructor(spec: GuestSpec, interrupter: Interrupter, wasi: WasiHost) {
    const { compiled, env, grants, limits, times } = spec;
    const outside = wasiImports(spec.wasi, { env, grants, mode: 'jspi' }, wasi);
    this.#close = outside.close;
    this.instance = new HttpInstance(outside.instance, limits);
    this.segments = new GuestSegments(interrupter, { budget: times.start, total: times.start + times.total });
    this.segments.wasi = outside.instance;
    outside.instance.unwinds = true;
    outside.instance.pace = () => this.#pace(times.turn);
    const host = { ...outside.imports, ...httpImports(this.instance, this) } as ComponentImports;
    let memory: WebAssembly.Memory | undefined;
    const instantiate: CoreInstance = (core, given, memories) => {
      const guarded = guardLists(given, limits, () => memory);
      const imports = bracketImports(core.module, guarded, core.facts.imports, this.segments);
      const { exports } = new WebAssembly.Instance(core.module, { ...imports, ...memories.imports });
      if (exports['memory'] instanceof WebAssembly.Memory) memory = exports['memory'];
      return bracketExports(exports, core.facts.exports, this.segments);
    };
    try {
      const exports = this.segments.run(() =>
        instantiateParts(compiled.parts, host, interrupter.memory, this.memories, instantiate),
      );
      this.#handle = (exports[compiled.world.export] as { readonly handle: Handle }).handle;
    } catch (error) {
      this.close();
      throw error;
    }
    this.segments.budget = times.call;
    this.segments.renew();
  }

  /** Calls the handler; resolves when it has returned, and not before that again. @throws what it dies of */
  async handle(line: RequestLine, raw: readonly string[], body: Inflow, host: HandlerHost): Promise<void> {
    countCopies();
    this.#host = host;
    this.#moved = 0;
    this.segments.renew();
    this.instance.begin(line.method === 'HEAD');
    const request = new IncomingRequest(this.instance, line, raw, body);
    // What it may still hold of this request answers to no other.
    const outparam = new ResponseOutparam(this.instance, host);
    await this.instance.wasi.guard(this.#handle(request, outparam));
    this.#host = undefined;
  }

  /** Bytes of a body went through it. */
  moved(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved < RENEWAL_BYTES) return;
    this.#moved = 0;
    this.segments.renew();
  }

  /**
   * Before a call that may wait. Calls within one turn of the event loop follow each other without a real wait: what
   * passes between them is spent on the guest, in the host too, and after `longest` ms others have their turn.
   */
  #pace(longest: number): Promise<void> | undefined {
    countCopies();
    const now = performance.now();
    const turn = loopTurn();
    const { used } = this.segments;
    if (turn === this.#turn) {
      const took = now - this.#pacedAt - (used - this.#usedThen);
      this.segments.spend(Math.min(Math.max(took, 0), CALL_MOST));
    } else {
      this.#turn = turn;
      this.#turnBegan = now;
    }
    this.#pacedAt = now;
    this.#usedThen = used;
    if (now - this.#turnBegan < longest) return undefined;
    return new Promise(resolve => setImmediate(resolve));
  }

  /** Ends what it waits for: it is of no further use. Can be called again. */
  close(): void {
    this.#host = undefined;
    this.#close();
  }

  /** Bytes of linear memory, now. */
  get memorySize(): number {
    let sum = 0;
    for (const { own } of this.memories) for (const memory of own) sum += memory.buffer.byteLength;
    return sum;
  }

  /** For the imports, which are there before any request. */
  send(request: OutgoingRequest, options: RequestOptions | undefined): PendingResponse {
    if (this.#host === undefined) throw { tag: 'HTTP-request-denied' } satisfies ErrorCode;
    return this.#host.send(request, options);
  }
}
