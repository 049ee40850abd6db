import { ModuleError } from '../errors.ts';
import { fits, versionOf, withoutVersion } from './interface-name.ts';
import { readableName, type Wit, type WitExtern } from './wit.ts';
import { misfit } from './wit-fit.ts';
import { checkVersions } from './world.ts';

/** A component from `plugs:`. */
export interface Plug {
  /** As messages call it: its path as written. */
  readonly name: string;
  readonly wit: Wit;
}

/** An import that a plug's export is handed to. */
export interface Link {
  readonly import: string;
  /** Index among the plugs. */
  readonly plug: number;
  readonly export: string;
}

/** Who gets what from whom. */
export interface Plugging {
  readonly filter: readonly Link[];
  /** Of each plug. */
  readonly plugs: readonly (readonly Link[])[];
  /** Indices of plugs: those that a plug needs come before it. */
  readonly order: readonly number[];
}

const remedy = 'build both with the same WIT';

/**
 * Finds what each plug's exports are handed to: imports of the filter and of other plugs.
 * @throws ModuleError MODULE_WIT when types differ, a plug is of no use, two would do, or they need each other; and
 *   those of `checkVersions` for plugs
 */
export function plugInto(filter: Wit, plugs: readonly Plug[]): Plugging {
  for (const { name, wit } of plugs) checkPlug(name, wit);
  const linksOf = (importer: string, wit: Wit, self: number): Link[] => {
    const links = wit.imports.flatMap(wanted => linkOf(importer, wit, wanted, plugs, self) ?? []);
    refuseVersions(importer, links, plugs);
    return links;
  };
  const links = linksOf('the filter', filter, -1);
  const between = plugs.map(({ name, wit }, index) => linksOf(`plug ${name}`, wit, index));
  const useful = new Set([...links, ...between.flat()].map(({ plug }) => plug));
  plugs.forEach((plug, index) => {
    if (!useful.has(index)) throw useless(plug, filter, plugs);
  });
  return { filter: links, plugs: between, order: inOrder(plugs, between) };
}

function checkPlug(name: string, wit: Wit): void {
  try {
    checkVersions(wit);
  } catch (error) {
    if (!(error instanceof ModuleError)) throw error;
    throw new ModuleError(error.code, `plug ${name}: ${error.message}`, { cause: error });
  }
}

function linkOf(
  importer: string,
  wit: Wit,
  wanted: WitExtern,
  plugs: readonly Plug[],
  self: number,
): Link | undefined {
  // Weir's own interfaces are Weir's to give.
  if (wanted.kind === 'other' || wanted.kind === 'type' || wanted.name.startsWith('weir:')) return undefined;
  const offers = plugs.flatMap((plug, index) =>
    index === self
      ? []
      : plug.wit.exports
          .filter(({ kind, name }) => kind === wanted.kind && fits(wanted.name, name))
          .map(offer => ({ plug, index, offer })),
  );
  const [first, second] = offers;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw fault(
      `plugs ${first.plug.name} (${first.offer.name}) and ${second.plug.name} (${second.offer.name}) both fit ${wanted.name}, which ${importer} imports (remove one from plugs)`,
    );
  }
  const difference = misfit(wanted, wit, first.offer, first.plug.wit, importer);
  if (difference !== '')
    throw fault(`plug ${first.plug.name} exports ${first.offer.name} ${difference} (${remedy})`);
  const [name, item] = [...wanted.items].find(([, item]) => item.multiplies) ?? [];
  if (name !== undefined) {
    throw fault(
      `plug ${first.plug.name} exports ${first.offer.name} whose ${readableName(name)} is ${item!.text}: lists of lists of anything but numbers and text can't be bounded (pass one list at a time)`,
    );
  }
  return { import: wanted.name, plug: first.index, export: first.offer.name };
}

/** jco's glue asks for imports without their versions: two of an interface would get the same export. */
function refuseVersions(importer: string, links: readonly Link[], plugs: readonly Plug[]): void {
  for (const [index, link] of links.entries()) {
    const other = links
      .slice(0, index)
      .find(each => withoutVersion(each.import) === withoutVersion(link.import));
    if (other === undefined || (other.plug === link.plug && other.export === link.export)) continue;
    const [one, two] = [plugs[other.plug]?.name, plugs[link.plug]?.name];
    throw fault(
      `${importer} imports ${other.import} (from plug ${one}) and ${link.import} (from plug ${two}): Weir tells no versions of one interface apart (build it with one of them)`,
    );
  }
}

function useless({ name, wit }: Plug, filter: Wit, plugs: readonly Plug[]): ModuleError {
  const own = wit.exports.find(each => each.name.startsWith('weir:filter/'));
  if (own !== undefined) {
    return fault(`plug ${name} exports ${own.name}: it is a filter (list it under filters, not plugs)`);
  }
  const importers = [
    { who: 'the filter', imports: filter.imports },
    ...plugs
      .filter(plug => plug.name !== name)
      .map(plug => ({ who: `plug ${plug.name}`, imports: plug.wit.imports })),
  ];
  for (const offer of wit.exports) {
    for (const { who, imports } of importers) {
      const near = imports.find(each => withoutVersion(each.name) === withoutVersion(offer.name));
      if (near === undefined || near.name.startsWith('weir:')) continue;
      const [given, asked] = [versionOf(offer.name) || 'no version', versionOf(near.name) || 'none'];
      return fault(
        `plug ${name} exports ${withoutVersion(offer.name)} in version ${given}, which does not fit the version that ${who} imports, ${asked} (${remedy})`,
      );
    }
  }
  const exported = listed(wit.exports);
  const imported = listed(filter.imports.filter(each => !/^(wasi|weir):/.test(each.name)));
  return fault(
    `plug ${name} exports nothing that is imported: it exports ${exported}, the filter imports ${imported} (remove it from plugs)`,
  );
}

function listed(externs: readonly WitExtern[]): string {
  return externs.map(({ name }) => name).join(', ') || 'nothing that can be plugged';
}

/** Indices with those that one needs before it. */
function inOrder(plugs: readonly Plug[], links: readonly (readonly Link[])[]): number[] {
  const order: number[] = [];
  const visit = (index: number, needed: readonly number[]): void => {
    if (order.includes(index)) return;
    if (needed.includes(index)) {
      const circle = [...needed.slice(needed.indexOf(index)), index].map(each => plugs[each]?.name);
      throw fault(`plugs need each other: ${circle.join(' imports from ')} (make one component of them)`);
    }
    for (const { plug } of links[index] ?? []) visit(plug, [...needed, index]);
    order.push(index);
  };
  for (const index of plugs.keys()) visit(index, []);
  return order;
}

function fault(message: string): ModuleError {
  return new ModuleError('MODULE_WIT', message);
}
