import { covers } from './covers.ts';
import type { Located } from './document.ts';
import type { PathKey } from './path.ts';
import { entries, type Fault, known, uniqueName } from './reference.ts';
import type { Place } from './types.ts';

/** What a listener's parts refer to. */
export interface ListenerReferences {
  readonly upstreams: ReadonlySet<string>;
  /** Those that take no HTTP, with an endpoint of each. */
  readonly tcpUpstreams: ReadonlyMap<string, string>;
  readonly filters: ReadonlySet<string>;
  /** Filters that streams use, and where that was said first: filled in here. */
  readonly routed: Map<unknown, Place>;
  readonly fault: Fault;
}

const COMMON = ['name', 'address', 'protocol'];
const OWN = { http: ['routes'], tcp: ['upstream', 'filters'] } as const;
const REMEDIES: Readonly<Record<string, string>> = {
  routes: 'list at least one route, for example [{upstream: app}]',
  upstream: 'a name from upstreams',
};

/** What belongs to its protocol is there and nothing else is, and all that it names exists. */
export function checkListener(
  listener: Located,
  path: readonly PathKey[],
  references: ListenerReferences,
): void {
  if (!isRecord(listener.value)) return;
  checkKeys(listener, path, references.fault);
  checkWay(listener, path, references);
  checkRoutes(listener, path, references);
}

function checkKeys(listener: Located, path: readonly PathKey[], fault: Fault): void {
  const { children } = listener;
  const protocol = children.get('protocol')?.value ?? 'http';
  if (protocol !== 'http' && protocol !== 'tcp') return;
  const others: readonly string[] = OWN[protocol === 'http' ? 'tcp' : 'http'];
  const known: readonly string[] = [...COMMON, ...OWN.http, ...OWN.tcp];
  let odd = false;
  for (const [key, { keyPlace }] of children) {
    odd ||= !known.includes(String(key));
    if (!others.includes(String(key))) continue;
    odd = true;
    const [message, remedy] =
      protocol === 'tcp'
        ? ['a tcp listener has no routes', 'write upstream and filters, or protocol: http']
        : [`an http listener has its ${key} in its routes`, 'move it into a route, or write protocol: tcp'];
    fault(keyPlace, [...path, key], message, remedy);
  }
  // What is written wrong is told as such.
  const [needed] = OWN[protocol];
  if (!odd && !children.has(needed))
    fault(listener.keyPlace, [...path, needed], 'is missing', REMEDIES[needed]!);
}

/** Upstream and filters, of a route or of a tcp listener. */
function checkWay(
  owner: Located,
  path: readonly PathKey[],
  { upstreams, filters, routed, fault }: ListenerReferences,
): void {
  const upstream = owner.children.get('upstream');
  if (upstream !== undefined) known(upstream, [...path, 'upstream'], 'upstream', upstreams, fault);
  for (const [position, name] of entries(owner, 'filters')) {
    known(name, [...path, 'filters', position], 'filter', filters, fault);
    if (!routed.has(name.value)) routed.set(name.value, name.place);
  }
}

function checkRoutes(listener: Located, path: readonly PathKey[], references: ListenerReferences): void {
  const { tcpUpstreams, fault } = references;
  const routeNames = new Map<string, Place>();
  const before: [PathKey, Located][] = [];
  for (const [number, route] of entries(listener, 'routes')) {
    const at = [...path, 'routes', number];
    uniqueName(route, at, routeNames, fault);
    checkWay(route, at, references);
    const upstream = route.children.get('upstream');
    if (upstream !== undefined) speaksHttp(upstream, [...at, 'upstream'], tcpUpstreams, fault);
    const earlier = before.find(([, other]) => covers(matchOf(other), matchOf(route)));
    if (earlier !== undefined) {
      const message = `never matches: routes[${earlier[0]}] on line ${earlier[1].place.line} takes every such request`;
      fault(route.place, at, message, 'put the narrower route first: the first match wins');
    }
    before.push([number, route]);
  }
}

/** A fault when what is referred to speaks no HTTP. `tcpUpstreams`: names and an endpoint of each such one. */
function speaksHttp(
  reference: Located,
  path: readonly PathKey[],
  tcpUpstreams: ReadonlyMap<string, string>,
  fault: Fault,
): void {
  const url = tcpUpstreams.get(String(reference.value));
  if (url === undefined) return;
  const message = `upstream ${JSON.stringify(reference.value)} has the endpoint ${url}, which takes no HTTP`;
  fault(
    reference.place,
    path,
    message,
    'an upstream with http:// endpoints, or a listener with protocol: tcp',
  );
}

/** The match as written: an absent one is everything; undefined for one of the wrong shape. */
function matchOf(route: Located): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(route.value)) return undefined;
  const match = route.value['match'] === undefined ? {} : route.value['match'];
  return isRecord(match) ? match : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
