import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ConfigIssue } from '../errors.ts';
import { covers } from './covers.ts';
import type { Located } from './document.ts';
import { formatPath, type PathKey } from './path.ts';
import { suggest } from './suggest.ts';
import type { Place } from './types.ts';
import { parseAddress } from './units.ts';

/**
 * The checks a schema can't make: names that have to exist, addresses that clash, routes nothing reaches, files
 * that aren't there. They run even when the schema found faults, so that one run shows everything: what has the
 * wrong shape is skipped here.
 */
export function checkReferences(root: Located, file: string): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const fault = (place: Place, path: readonly PathKey[], message: string, remedy: string): void => {
    issues.push({ ...place, path: formatPath(path), message, remedy });
  };

  const upstreams = names(root, 'upstreams');
  const filters = names(root, 'filters');

  const known = (reference: Located, path: PathKey[], kind: string, list: ReadonlySet<string>): void => {
    const { value } = reference;
    if (typeof value !== 'string' || value === '' || list.has(value)) return;
    const near = suggest(value, list);
    const remedy =
      near !== undefined
        ? `did you mean ${near}?`
        : list.size === 0
          ? `define it under ${kind}s`
          : `define it under ${kind}s, or use one of: ${[...list].join(', ')}`;
    fault(reference.place, path, `unknown ${kind} ${JSON.stringify(value)}`, remedy);
  };

  const addresses: { place: Place; host: string; port: number; text: string }[] = [];
  const listenerNames = new Map<string, Place>();
  for (const [index, listener] of entries(root, 'listeners')) {
    const path = ['listeners', index];
    uniqueName(listener, path, listenerNames, fault);
    const address = listener.children.get('address');
    const parsed = typeof address?.value === 'string' ? parseAddress(address.value) : undefined;
    if (address !== undefined && parsed !== undefined && parsed.port !== 0) {
      const clash = addresses.find(other => clashes(other, parsed));
      if (clash !== undefined) {
        const message = `the port of ${address.value} is taken by ${clash.text} on line ${clash.place.line}`;
        fault(address.place, [...path, 'address'], message, 'use another port, or merge the listeners');
      } else addresses.push({ ...parsed, place: address.place, text: String(address.value) });
    }
    const routeNames = new Map<string, Place>();
    const before: [PathKey, Located][] = [];
    for (const [number, route] of entries(listener, 'routes')) {
      const at = [...path, 'routes', number];
      uniqueName(route, at, routeNames, fault);
      const upstream = route.children.get('upstream');
      if (upstream !== undefined) known(upstream, [...at, 'upstream'], 'upstream', upstreams);
      for (const [position, name] of entries(route, 'filters')) {
        known(name, [...at, 'filters', position], 'filter', filters);
      }
      const earlier = before.find(([, other]) => covers(matchOf(other), matchOf(route)));
      if (earlier !== undefined) {
        const message = `never matches: routes[${earlier[0]}] on line ${earlier[1].place.line} takes every such request`;
        fault(route.place, at, message, 'put the narrower route first: the first match wins');
      }
      before.push([number, route]);
    }
  }
  for (const [name, filter] of entries(root, 'filters')) {
    const module = filter.children.get('module');
    if (typeof module?.value !== 'string' || module.value === '' || module.value.includes('://')) continue;
    const wrong = moduleFault(resolve(dirname(file), module.value));
    if (wrong !== '') {
      fault(
        module.place,
        ['filters', name, 'module'],
        wrong,
        'a path to a .wasm file, relative to this file',
      );
    }
  }
  return issues;
}

type Fault = (place: Place, path: readonly PathKey[], message: string, remedy: string) => void;

function uniqueName(owner: Located, path: readonly PathKey[], seen: Map<string, Place>, fault: Fault): void {
  const name = owner.children.get('name');
  if (typeof name?.value !== 'string') return;
  const first = seen.get(name.value);
  if (first === undefined) seen.set(name.value, name.place);
  else fault(name.place, [...path, 'name'], `the name is taken on line ${first.line}`, 'choose another name');
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Two listeners on one port clash when their hosts are equal or one is every address. */
function clashes(a: Address, b: Address): boolean {
  const everywhere = (host: string): boolean => host === '::' || host === '0.0.0.0';
  return a.port === b.port && (a.host === b.host || everywhere(a.host) || everywhere(b.host));
}

/** The entries of a child; none when it isn't a mapping or list. */
function entries(parent: Located, key: string): [PathKey, Located][] {
  return [...(parent.children.get(key)?.children ?? [])];
}

function names(root: Located, key: string): ReadonlySet<string> {
  return new Set(entries(root, key).map(([name]) => String(name)));
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

/** Why the file can't be read as a module; empty when it can. */
function moduleFault(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) return `${path} is a directory`;
    if (!stat.isFile()) return `${path} is not a regular file`;
    accessSync(path, constants.R_OK);
    return '';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return `${path} does not exist`;
    if (code === 'EACCES') return `${path} can not be read: permission denied`;
    return `${path} can not be read: ${code ?? (error as Error).message}`;
  }
}
