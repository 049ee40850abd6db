import { type GuestSpec, HttpGuest } from '../component/http/guest.ts';
import type { LimitName } from '../config/types.ts';
import type { Interrupter } from '../engine/interrupt/interrupter.ts';
import { GuestError, ModuleError, PluginError } from '../errors.ts';
import { LineBuffer } from '../wasi/stdio.ts';
import type { CompiledComponentFilter } from './compile.ts';
import { checkedEnv, wasiOf } from './component-spec.ts';
import { Context } from './context.ts';
import type { FilterCounters } from './counters.ts';
import { Exit, reportGuestError } from './death.ts';
import { CALLS_PER_STRETCH, httpDeath } from './http-death.ts';
import type { PluginOptions } from './plugin.ts';
import type { RegisteredPlugin } from './registry.ts';
import type { PluginState } from './state.ts';
import type { TakenContext, TakenStream } from './taken.ts';
import type { FilterContext, Phases } from './types.ts';
import type { Upstreams } from './upstreams.ts';
import { WasiHttpContext } from './wasi-http-context.ts';

/** Its streams are its own: none of the phases is called. */
const PHASES: Phases = {
  requestHeaders: false,
  requestBody: false,
  requestTrailers: false,
  responseHeaders: false,
  responseBody: false,
  responseTrailers: false,
  changesBodies: false,
};

/** Resources (files, streams, fields) that a guest may keep from one request to the next: more is one that forgets them. */
const KEPT_RESOURCES = 32;

const HANDLER = 'wasi:http/incoming-handler';
/** What a guest may compute for one request, and again for each mebibyte of bodies: so many times `limits.callTime`. */
const CALLS_PER_REQUEST = 100;

/** So many requests also pay for what V8 compiles when it first runs: until then a stretch may take `limits.startTime`. */
const COLD_REQUESTS = 3;

const INFO = 2;
const ERROR = 4;

/** A guest and what it writes to stdout and stderr. */
export interface GuestWithOutput {
  readonly guest: HttpGuest;
  flush(): void;
}

/**
 * A component of the world `wasi:http/proxy` as a filter. Each request has an instance to itself; `isolation: shared`
 * uses it again for the next one when its handler has returned, `request` never. Instances are kept ready, and made
 * between requests.
 */
export class WasiHttpPlugin implements RegisteredPlugin {
  readonly name: string;
  readonly phases = PHASES;
  readonly seenChanging: [boolean, boolean] = [false, false];
  readonly bufferedBody: number;
  readonly pauseTime: number;
  readonly failOpen: boolean;
  readonly counters: FilterCounters;
  readonly compiled: CompiledComponentFilter;
  /** It shares its instances with nobody. */
  readonly vmSlot = undefined;
  readonly options: PluginOptions;
  readonly state: PluginState;
  /** Undefined: nobody has any, as in an embedded chain. */
  readonly upstreams: Upstreams | undefined;
  readonly #spec: GuestSpec;
  readonly #interrupter: Interrupter;
  readonly #ready: GuestWithOutput[] = [];
  #filling: NodeJS.Immediate | undefined;
  readonly #contexts = new Set<WasiHttpContext>();
  #handled = 0;
  /** Instances that handle requests. */
  #busy = 0;
  #closed = false;
  /** It takes no new streams: whoever has it must get another. */
  retired = false;
  /** Called once, when it has ended. */
  onEnd: (() => void) | undefined;

  /** @throws ModuleError MODULE_NOT_GRANTED, MODULE_UNSUPPORTED */
  constructor(
    compiled: CompiledComponentFilter,
    options: PluginOptions,
    state: PluginState,
    interrupter: Interrupter,
    upstreams?: Upstreams,
  ) {
    const { limits } = options;
    if (options.config.length > 0 || options.vmConfig.length > 0) {
      const text = 'a wasi:http component has no way to read config or vmConfig: use env, or directories';
      throw new ModuleError('MODULE_UNSUPPORTED', text);
    }
    const wasi = wasiOf(compiled.parts).filter(name => !name.startsWith('wasi:http/'));
    this.name = options.name;
    this.bufferedBody = limits.bufferedBody;
    this.pauseTime = limits.pauseTime;
    this.failOpen = options.onFailure === 'open';
    this.counters = state.counters;
    this.compiled = compiled;
    this.options = options;
    this.state = state;
    this.upstreams = upstreams;
    this.#interrupter = interrupter;
    this.#spec = {
      compiled,
      wasi,
      env: checkedEnv(wasi, options),
      grants: options.capabilities,
      limits: {
        headerCount: limits.headerCount,
        headerBytes: limits.headerBytes,
        bufferedBody: limits.bufferedBody,
        hit: limit => this.hit(limit),
      },
      times: {
        start: limits.startTime,
        turn: limits.callTime,
        call: CALLS_PER_STRETCH * limits.callTime,
        total: CALLS_PER_REQUEST * limits.callTime,
      },
    };
  }

  /** Makes the first instance. @throws GuestError, PluginError, ModuleError */
  start(): void {
    if (this.#mustWait) return;
    this.#ready.push(this.#make());
    this.#fill();
  }

  open(): FilterContext {
    throw new Error(`filter ${this.name} takes streams over`);
  }

  takeOver(stream: TakenStream): TakenContext {
    const { counters, limits, down } = this.state;
    if (down) this.#refuse();
    if (counters.contexts >= limits.contexts) {
      counters.limitHits.contexts++;
      const text = `filter ${this.name} has ${limits.contexts} contexts (limits.contexts)`;
      throw new PluginError('PLUGIN_LIMIT', text);
    }
    // It was evicted after the stream's chain was made: it comes back for this one.
    this.#closed = false;
    let guest = this.#ready.pop();
    if (guest === undefined) {
      counters.poolMisses++;
      guest = this.#remake();
    }
    this.#busy++;
    this.#fill();
    const cold = this.#handled < COLD_REQUESTS;
    const { start, call } = this.#spec.times;
    guest.guest.segments.budget = cold ? Math.max(call, start) : call;
    const context = new WasiHttpContext(this, stream, guest);
    this.#contexts.add(context);
    counters.contexts++;
    return context;
  }

  get worksAlone(): boolean {
    return false;
  }

  /** Its handler has returned. `usable`: as it should. */
  release(guest: GuestWithOutput, usable: boolean): void {
    this.#busy--;
    const { instance, segments } = guest.guest;
    const { failure, resources } = instance.wasi;
    const sound = usable && failure === undefined && segments.death === undefined;
    if (sound && this.#reuses && resources <= KEPT_RESOURCES && !this.retired) this.#ready.push(guest);
    else guest.guest.close();
    // As many as are at work may wait: they come and go.
    const most = Math.max(this.options.pool, this.#busy);
    while (this.#ready.length > most) this.#ready.shift()!.guest.close();
    this.#fill();
  }

  contextGone(context: WasiHttpContext): void {
    this.#handled++;
    this.counters.contexts--;
    this.#contexts.delete(context);
    if (this.#contexts.size === 0 && this.retired) this.#end();
  }

  /** A guest died while it handled a request. Gives what is to be told of it. */
  died(error: unknown, guest: HttpGuest): Error {
    const context = new Context(0, this.state);
    context.callTime = this.options.limits.callTime;
    const death = httpDeath(error, context, `${HANDLER}.handle`, guest);
    reportGuestError(this.state.log, death);
    // Others have instances of their own, and go on with them.
    if (death instanceof GuestError && this.#reuses && this.options.onFailure === 'closed')
      this.state.down = true;
    return death;
  }

  skipped(): void {
    this.counters.skipped++;
  }

  hit(limit: LimitName): void {
    this.counters.limitHits[limit]++;
  }

  /** Instances that wait for requests: for metrics. */
  vms(): readonly HttpGuest[] {
    return this.#ready.map(({ guest }) => guest);
  }

  /** It takes no new streams and ends with the last that it has. */
  retire(): void {
    this.retired = true;
    if (this.#contexts.size === 0) this.#end();
  }

  /** There are no root contexts here. */
  finish(): void {
    this.retired = true;
  }

  readonly finishing = false;

  /** It ends now, whatever it still has. */
  close(): void {
    this.retired = true;
    this.#end();
  }

  /** @throws GuestError, PluginError, ModuleError */
  #make(): GuestWithOutput {
    const { state } = this;
    state.counters.vmsStarted++;
    const context = new Context(0, state);
    const stdout = new LineBuffer(line => context.log(INFO, line));
    const stderr = new LineBuffer(line => context.log(ERROR, line));
    const flush = () => {
      stdout.flush();
      stderr.flush();
    };
    try {
      const guest = new HttpGuest(this.#spec, this.#interrupter, {
        writeStdio: (fd, bytes) => (fd === 1 ? stdout : stderr).write(bytes),
        exit: code => {
          throw new Exit(code);
        },
        denied: (what, grant) => state.denied(what, grant),
      });
      return { guest, flush };
    } catch (error) {
      flush();
      throw httpDeath(error, context, 'instantiation', undefined);
    }
  }

  /** Makes one for a stream, by the rules of back-off. @throws GuestError, PluginError, ModuleError */
  #remake(): GuestWithOutput {
    if (this.#mustWait) this.#refuse();
    try {
      return this.#make();
    } catch (error) {
      this.counters.startFailures++;
      this.state.backOff.failed();
      throw error;
    }
  }

  /** `isolation: shared`: an instance takes one request after the other. */
  get #reuses(): boolean {
    return this.options.isolation === 'shared';
  }

  get #mustWait(): boolean {
    return this.state.down || this.state.backOff.wait() > 0;
  }

  #refuse(): never {
    this.counters.refused++;
    const { down, backOff } = this.state;
    const until = down
      ? 'its guest died and onFailure is closed'
      : `a new instance is tried in ${Math.ceil(backOff.wait())} ms`;
    throw new PluginError('PLUGIN_DOWN', `filter ${this.name} is down: ${until}`);
  }

  /** One instance each time round the event loop, so that requests come in between. */
  #fill(): void {
    if (this.retired || this.#filling !== undefined) return;
    const there = this.#ready.length + (this.#reuses ? this.#busy : 0);
    if (there >= this.options.pool || this.#mustWait) return;
    this.#filling = setImmediate(() => {
      this.#filling = undefined;
      if (this.#mustWait || this.#closed || this.retired) return;
      try {
        this.#ready.push(this.#remake());
        this.#fill();
      } catch (error) {
        // The next stream tries again, by the rules of back-off.
        reportGuestError(this.state.log, error);
      }
    });
    this.#filling.unref();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearImmediate(this.#filling);
    this.#filling = undefined;
    for (const { guest } of this.#ready.splice(0)) guest.close();
    for (const context of [...this.#contexts]) context.kill();
    this.state.logLimit.flush();
    this.onEnd?.();
  }
}
