import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { Pollable } from '../io/index.ts';
import { type IpAddress, parseIpAddress, shortIpv6 } from './addresses.ts';
import { codeOf, type ErrorCode } from './codes.ts';
import type { Network } from './network.ts';
import type { Sockets } from './tcp-socket.ts';

/** One question to the system's resolver. */
interface Lookup {
  /** Resolves in any case, when `answer` is there. */
  readonly done: Promise<void>;
  answer: readonly string[] | ErrorCode | undefined;
}

/**
 * Names an instance is looking up. A name is asked for once at a time: the resolver has few threads, and the whole
 * process shares them.
 */
const running = new WeakMap<Sockets, Map<string, Lookup>>();

function look(sockets: Sockets, name: string): Lookup {
  const names = running.get(sockets) ?? new Map<string, Lookup>();
  running.set(sockets, names);
  const known = names.get(name);
  if (known !== undefined) return known;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const question: Lookup = { done, answer: undefined };
  names.set(name, question);
  lookup(name, { all: true }, (error, addresses) => {
    names.delete(name);
    if (error) question.answer = codeOf(error);
    else {
      const texts = addresses.map(({ address, family }) => (family === 6 ? shortIpv6(address) : address));
      sockets.reach.found(name, texts);
      question.answer = texts;
    }
    resolve();
  });
  return question;
}

/** Resource `wasi:sockets/ip-name-lookup.resolve-address-stream` (wasi-sockets 0.2, wit/ip-name-lookup.wit). */
export class ResolveAddressStream {
  readonly #sockets: Sockets;
  readonly #lookup: Lookup;
  #next = 0;
  #open = true;

  /** Throws WasiTrap for one resource too many. */
  constructor(sockets: Sockets, question: Lookup) {
    sockets.instance.take();
    this.#sockets = sockets;
    this.#lookup = question;
  }

  /** `[method]resolve-address-stream.resolve-next-address`; undefined after the last. Throws ErrorCode. */
  resolveNextAddress(): IpAddress | undefined {
    const { answer } = this.#lookup;
    if (answer === undefined) throw 'would-block';
    if (typeof answer === 'string') throw answer;
    const address = answer[this.#next++];
    return address === undefined ? undefined : parseIpAddress(address);
  }

  subscribe(): Pollable {
    const { instance } = this.#sockets;
    return new Pollable(instance, () => (this.#lookup.answer === undefined ? this.#lookup.done : undefined));
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sockets.instance.release();
  }
}

/**
 * `wasi:sockets/ip-name-lookup.resolve-addresses`: only for granted names. Throws `access-denied`, and
 * `invalid-argument` for what isn't a name.
 */
export function resolveAddresses(sockets: Sockets, _network: Network, text: string): ResolveAddressStream {
  // Also makes addresses of odd notations (0x7f.1) the usual ones.
  const name = isIP(text) === 6 && !text.includes('%') ? shortIpv6(text) : hostName(text);
  if (name === undefined) throw 'invalid-argument';
  if (!sockets.reach.mayLookUp(name)) throw 'access-denied';
  if (isIP(name) === 0) return new ResolveAddressStream(sockets, look(sockets, name));
  return new ResolveAddressStream(sockets, { done: Promise.resolve(), answer: [name] });
}

/** In lower case and ASCII, without a dot at the end; undefined: not a name. */
function hostName(text: string): string | undefined {
  // What a URL would take for the end of its host or decode.
  if (text.length > 253 || /[^\p{L}\p{M}\p{N}._-]/u.test(text)) return undefined;
  const name = domainToASCII(text).replace(/\.$/, '');
  return /^[a-z0-9_.-]{1,253}$/.test(name) ? name : undefined;
}
