import type { ConfigIssue } from '../errors.ts';
import type { Located } from './document.ts';
import { formatPath, type PathKey } from './path.ts';
import { entries, type Fault, known, names, uniqueName } from './reference.ts';
import { checkFile, checkFilter } from './references-filter.ts';
import { checkListener } from './references-listener.ts';
import type { Place } from './types.ts';
import { isTcpEndpoint, parseAddress } from './units.ts';

/**
 * The checks a schema can't make: names that have to exist, addresses that clash, routes nothing reaches, files
 * that aren't there. They run even when the schema found faults, so that one run shows everything: what has the
 * wrong shape is skipped here.
 */
export function checkReferences(root: Located, file: string): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const fault: Fault = (place, path, message, remedy) => {
    issues.push({ ...place, path: formatPath(path), message, remedy });
  };

  const upstreams = names(root, 'upstreams');
  const filters = names(root, 'filters');
  const tcpUpstreams = new Map(entries(root, 'upstreams').flatMap(tcpEndpointOf));

  const admin = root.children.get('admin')?.children.get('address');
  const addresses: { place: Place; host: string; port: number; text: string }[] = [];
  const listenerNames = new Map<string, Place>();
  /** Where filters are first used. */
  const routed = new Map<unknown, Place>();
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
    checkListener(listener, path, { upstreams, tcpUpstreams, filters, routed, fault });
  }
  if (typeof admin?.value === 'string') {
    const parsed = parseAddress(admin.value);
    const clash = parsed?.port ? addresses.find(other => clashes(other, parsed)) : undefined;
    if (clash !== undefined) {
      const message = `the port of ${admin.value} is taken by ${clash.text} on line ${clash.place.line}`;
      fault(admin.place, ['admin', 'address'], message, 'use another port: 127.0.0.1:9901, for example');
    }
  }
  const services = new Map<unknown, Place>();
  for (const [index, service] of entries(root, 'services')) {
    const filter = service.children.get('filter');
    if (filter === undefined) continue;
    const path = ['services', index, 'filter'];
    known(filter, path, 'filter', filters, fault);
    const first = services.get(filter.value);
    const single = service.children.get('singleton')?.value !== false;
    const route = routed.get(filter.value);
    if (single && route !== undefined) {
      const message = `is in the route on line ${route.line}, which every worker serves`;
      fault(filter.place, path, message, 'write singleton: false, or a filter of its own');
    }
    if (first === undefined) services.set(filter.value, filter.place);
    else fault(filter.place, path, `is a service on line ${first.line} already`, 'list each filter once');
  }
  checkFile(root.children.get('foreignFunctions'), ['foreignFunctions'], file, fault);
  for (const [name, filter] of entries(root, 'filters')) {
    checkFilter(filter, ['filters', name], { file, upstreams, fault });
  }
  return issues;
}

/** The upstream and its first endpoint that speaks no HTTP, if it has one. */
function tcpEndpointOf([name, upstream]: [PathKey, Located]): [string, string][] {
  const urls = entries(upstream, 'endpoints').map(([, { value }]) => value);
  const url = urls.find(each => typeof each === 'string' && isTcpEndpoint(each));
  return url === undefined ? [] : [[String(name), String(url)]];
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
