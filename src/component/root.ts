/** Interfaces that a component imports and exports, with their versions, from the WIT text of its world. */
export interface Root {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const ITEM = /^ {2}(import|export) ([^\s:]+:[^\s;]+);$/gm;

/** `wit`: as jco prints it, with the world `root`. */
export function rootOf(wit: string): Root {
  const [, world = ''] = /^world root \{\n([\s\S]*?)^\}/m.exec(wit) ?? [];
  const imports: string[] = [];
  const exports: string[] = [];
  for (const [, kind, id] of world.matchAll(ITEM)) (kind === 'import' ? imports : exports).push(id!);
  return { imports, exports };
}

/** The interface without its version: what jco's glue asks for. */
export function unversioned(id: string): string {
  return id.replace(/@.*$/s, '');
}
