import type { TcpGrant } from '../../../config/types.ts';
import type { WasiHost } from '../host.ts';
import { placeText } from './addresses.ts';

/** Most addresses remembered per name: the oldest is forgotten first. */
export const ADDRESSES_MAX = 64;

/**
 * Which places an instance may connect to: the addresses of its grants, and those that we looked up for a granted name,
 * each with the ports granted for it.
 */
export class Reach {
  readonly #grants: readonly TcpGrant[];
  readonly #host: WasiHost;
  readonly #addresses = new Map<string, Set<string>>();

  constructor(grants: readonly TcpGrant[], host: WasiHost) {
    this.#grants = grants;
    this.#host = host;
  }

  /** Whether the instance may know the addresses of `name`: lower case, without a dot at the end. Tells the host if not. */
  mayLookUp(name: string): boolean {
    if (this.#grants.some(grant => grant.host === name)) return true;
    this.#host.denied(`look up ${name}`, `capabilities.tcp: ["${placeText(name, 443)}"]`);
    return false;
  }

  /** Remembers what `name`, which is granted, was found to be. */
  found(name: string, addresses: readonly string[]): void {
    const known = this.#addresses.get(name) ?? new Set();
    this.#addresses.set(name, known);
    for (const address of addresses) {
      known.delete(address);
      known.add(address);
      if (known.size > ADDRESSES_MAX) known.delete(known.values().next().value!);
    }
  }

  /** Whether the instance may connect. Tells the host if not. `address`: an IP address in its short form. */
  mayConnect(address: string, port: number): boolean {
    const granted = this.#grants.some(
      grant =>
        grant.port === port && (grant.host === address || this.#addresses.get(grant.host)?.has(address)),
    );
    if (granted) return true;
    // The name it has looked up tells more than its address.
    const name = [...this.#addresses].find(([, addresses]) => addresses.has(address))?.[0];
    const place = placeText(name ?? address, port);
    this.#host.denied(`connect to ${place}`, `capabilities.tcp: ["${place}"]`);
    return false;
  }

  /** The guest tried what no component may. */
  never(what: string): void {
    this.#host.denied(what, '');
  }
}
