import type { Capabilities } from '../../config/types.ts';

/** One import of a component (`wasi:clocks/wall-clock`), and the line of YAML that grants what it needs. */
export interface NeededGrant {
  readonly import: string;
  /** Below the filter, for example `capabilities.random: true`. */
  readonly grant: string;
}

interface Rule {
  readonly import: RegExp;
  readonly grant: string;
  granted(grants: Capabilities): boolean;
}

/** Without these, the import isn't there at all: it has no way to say no. */
const LINKS: readonly Rule[] = [
  {
    import: /^wasi:clocks\/monotonic-clock$/,
    grant: 'capabilities.clocks: [monotonic]',
    granted: grants => grants.clocks.includes('monotonic'),
  },
  {
    import: /^wasi:clocks\/wall-clock$/,
    grant: 'capabilities.clocks: [wall]',
    granted: grants => grants.clocks.includes('wall'),
  },
  {
    import: /^wasi:random\//,
    grant: 'capabilities.random: true',
    granted: grants => grants.random,
  },
];

/** Without these, the import is there and reaches nothing. One import of each kind is named. */
const REACHES: readonly Rule[] = [
  {
    import: /^wasi:filesystem\/preopens$/,
    grant: 'capabilities.directories: [{host: ./data, guest: /data, access: read}]',
    granted: grants => grants.directories.length > 0,
  },
  {
    import: /^wasi:sockets\/tcp-create-socket$/,
    grant: 'capabilities.tcp: ["host:port"]',
    granted: grants => grants.tcp.length > 0,
  },
  {
    import: /^wasi:http\/outgoing-handler$/,
    grant: 'capabilities.upstreams: [name]',
    granted: grants => grants.upstreams.length > 0,
  },
];

/** The YAML that grants all of them: `capabilities: {clocks: [monotonic, wall], random: true}`. */
export function grantsText(needed: readonly NeededGrant[]): string {
  const values = new Map<string, Set<string>>();
  for (const { grant } of needed) {
    const [, key = '', value = ''] = /^capabilities\.(\w+): (.*)$/.exec(grant) ?? [];
    values.set(key, (values.get(key) ?? new Set()).add(value));
  }
  const entries = [...values].map(
    ([key, each]) => `${key}: ${[...each].join(', ').replaceAll('], [', ', ')}`,
  );
  return `capabilities: {${entries.join(', ')}}`;
}

function missing(rules: readonly Rule[], wanted: readonly string[], grants: Capabilities): NeededGrant[] {
  return wanted.flatMap(name => {
    const rule = rules.find(each => each.import.test(name));
    return rule === undefined || rule.granted(grants) ? [] : [{ import: name, grant: rule.grant }];
  });
}

/** The imports among `wanted` (names without version) that can't be linked without a grant. */
export function ungranted(wanted: readonly string[], grants: Capabilities): NeededGrant[] {
  return missing(LINKS, wanted, grants);
}

/** The imports among `wanted` that link but can reach nothing without a grant: worth a note, not an error. */
export function limited(wanted: readonly string[], grants: Capabilities): NeededGrant[] {
  return missing(REACHES, wanted, grants);
}
