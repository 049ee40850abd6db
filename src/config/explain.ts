import type * as z from 'zod';
import type { $ZodIssue, $ZodType, $ZodTypes } from 'zod/v4/core';
import type { ConfigIssue } from '../errors.ts';
import { type Located, locate } from './document.ts';
import { formatPath, type PathKey, pathFits } from './path.ts';
import { configSchema, notImplemented } from './schema.ts';
import { remedies } from './schema-fields.ts';
import { suggest } from './suggest.ts';

/** Checks a value against the schema; every fault with its place. */
export function checkSchema(
  root: Located,
): { output: z.output<typeof configSchema>; issues: [] } | { output: undefined; issues: ConfigIssue[] } {
  const result = configSchema.safeParse(root.value, { jitless: true });
  if (result.success) return { output: result.data, issues: [] };
  const { issues } = result.error;
  const misspelt = new Set(issues.filter(isUnknownKeys).map(({ path }) => formatPath(path as PathKey[])));
  const telling = issues.filter(issue => {
    const path = issue.path as PathKey[];
    // What an object lacks as a whole is a consequence of the key that was misspelt.
    if (issue.code === 'custom' && misspelt.has(formatPath(path))) return false;
    // Reading has reported what it could not read.
    return !(exists(path, root) && locate(root, path).value === undefined);
  });
  return { output: undefined, issues: telling.flatMap(issue => explain(issue, [], root)) };
}

function isUnknownKeys(issue: $ZodIssue): boolean {
  return issue.code === 'unrecognized_keys';
}

/** One zod issue in our words: usually one fault, several for several unknown keys. */
function explain(issue: $ZodIssue, above: readonly PathKey[], root: Located): ConfigIssue[] {
  const path = [...above, ...(issue.path as PathKey[])];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(key => unknownKey([...path, key], root));
    case 'invalid_key': {
      const message = issue.issues[0]?.message ?? 'this key is not allowed';
      return [fault(path, root, message, keyRemedy(path), true)];
    }
    case 'invalid_union': {
      const inner = nearestBranch(issue.errors);
      if (inner !== undefined) return inner.flatMap(nested => explain(nested, path, root));
      return [fault(path, root, `expected ${kinds(path)}, got ${describe(path, root)}`, remedyAt(path))];
    }
    case 'invalid_type':
      if (!exists(path, root)) return [fault(path, root, 'is missing', remedyAt(path))];
      return [fault(path, root, `expected ${kinds(path)}, got ${describe(path, root)}`, remedyAt(path))];
    case 'invalid_value': {
      const choice = suggest(String(locate(root, path).value), issue.values.map(String));
      const hint = choice === undefined ? '' : `did you mean ${choice}? `;
      return [fault(path, root, `${describe(path, root)} is not a choice`, `${hint}${remedyAt(path)}`)];
    }
    case 'too_small':
    case 'too_big':
      if (typeof locate(root, path).value !== 'number')
        return [fault(path, root, issue.message, remedyAt(path))];
      return [fault(path, root, `${describe(path, root)} is out of range`, remedyAt(path))];
    default:
      return [fault(path, root, issue.message, remedyAt(path))];
  }
}

/** The branch of a union the value was meant for: the one whose faults lie inside it, not at its root. */
function nearestBranch(branches: readonly $ZodIssue[][]): $ZodIssue[] | undefined {
  const atRoot = (issue: $ZodIssue): boolean =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
  return branches.find(issues => !issues.some(atRoot));
}

function unknownKey(path: readonly PathKey[], root: Located): ConfigIssue {
  for (const [pattern, feature] of Object.entries(notImplemented)) {
    if (pathFits(path, pattern))
      return fault(path, root, `${feature}: not implemented yet`, 'remove this key', true);
  }
  const key = String(path.at(-1));
  const known = Object.keys(shapeAt(path.slice(0, -1)));
  const near = suggest(key, known);
  const remedy = near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`;
  return fault(path, root, 'unknown key', remedy, true);
}

/** A fault at `path`: at its value, or at its key when `atKey`, or at what lacks it. */
function fault(
  path: readonly PathKey[],
  root: Located,
  message: string,
  remedy: string,
  atKey = false,
): ConfigIssue {
  const located = locate(root, path);
  const place = atKey || !exists(path, root) ? located.keyPlace : located.place;
  return { ...place, path: formatPath(path), message, remedy };
}

function exists(path: readonly PathKey[], root: Located): boolean {
  const parent = locate(root, path.slice(0, -1));
  return path.length === 0 || parent.children.has(path.at(-1) ?? '');
}

/** The value in words: `the number 10`, `"abc"`, `a mapping`. */
function describe(path: readonly PathKey[], root: Located): string {
  const { value } = locate(root, path);
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string')
    return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a mapping' : `the ${typeof value} ${String(value)}`;
}

const kindNames: Readonly<Record<string, string>> = {
  string: 'a string',
  enum: 'a string',
  number: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** What the schema expects at `path`: `a string or a mapping`. */
function kinds(path: readonly PathKey[]): string {
  const names = schemasAt(path).flatMap(schema => {
    const { def } = schema._zod;
    return def.type === 'union' ? def.options.map(option => kindOf(option)) : [kindOf(schema)];
  });
  return [...new Set(names)].join(' or ');
}

function kindOf(schema: $ZodType): string {
  const { def } = unwrap(schema)._zod;
  if (def.type === 'literal') return def.values.join(' or ');
  return kindNames[def.type] ?? 'something else';
}

function remedyAt(path: readonly PathKey[]): string {
  for (const schema of schemasAt(path)) {
    const remedy = remedies.get(schema)?.remedy;
    if (remedy !== undefined) return remedy;
  }
  return '';
}

/** The remedy for a key of a record. */
function keyRemedy(path: readonly PathKey[]): string {
  for (const schema of schemasAt(path.slice(0, -1))) {
    const { def } = schema._zod;
    if (def.type === 'record') return remedies.get(def.keyType)?.remedy ?? '';
  }
  return '';
}

function shapeAt(path: readonly PathKey[]): Readonly<Record<string, unknown>> {
  for (const schema of schemasAt(path)) {
    const options = schema._zod.def.type === 'union' ? schema._zod.def.options.map(unwrap) : [schema];
    for (const { _zod } of options) if (_zod.def.type === 'object') return _zod.def.shape;
  }
  return {};
}

/** The schemas that apply at `path`, defaults and optionals unwrapped; several below a union. */
function schemasAt(path: readonly PathKey[]): $ZodTypes[] {
  let schemas = [unwrap(configSchema)];
  for (const key of path) schemas = schemas.flatMap(schema => below(schema, key)).map(unwrap);
  return schemas;
}

function below(schema: $ZodTypes, key: PathKey): $ZodType[] {
  const { def } = schema._zod;
  switch (def.type) {
    case 'object': {
      const child = Object.hasOwn(def.shape, key) ? def.shape[key] : undefined;
      return child === undefined ? [] : [child];
    }
    case 'array':
      return [def.element];
    case 'record':
      return [def.valueType];
    case 'union':
      return def.options.flatMap(option => below(unwrap(option), key));
    default:
      return [];
  }
}

function unwrap(schema: $ZodType): $ZodTypes {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'default':
    case 'prefault':
      return unwrap(def.innerType);
    default:
      return schema as $ZodTypes;
  }
}
