import * as z from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from './units.ts';

/** What to write instead, per schema; not part of the JSON Schema. */
export const remedies = z.registry<{ remedy: string }, z.core.$ZodType>();

/** What the schema says about a field beyond its type. */
export interface Doc {
  readonly description: string;
  readonly remedy: string;
  readonly examples?: readonly unknown[];
}

/** Attaches hover text (JSON Schema) and the remedy (errors). */
export function documented<T extends z.ZodType>(schema: T, doc: Doc): T {
  const { description, remedy, examples } = doc;
  const meta = examples === undefined ? { description } : { description, examples: [...examples] };
  const described = schema.meta(meta);
  remedies.add(described, { remedy });
  return described;
}

/** A string that `valid` accepts; `what` completes "… is not". */
export function text(what: string, valid: (value: string) => boolean, doc: Doc) {
  return documented(
    z.string().refine(valid, { error: issue => `${JSON.stringify(issue.input)} is not ${what}` }),
    doc,
  );
}

/** A duration within limits, which are durations themselves. */
export function duration(description: string, least = '1ms', most = '24h') {
  const limits = [parseDuration(least) ?? 0, parseDuration(most) ?? 0] as const;
  return measured('a duration', durationPattern, parseDuration, limits, {
    description: `${description}. A duration from ${least} to ${most}: a number and ms, s, m or h.`,
    remedy: `a number from ${least} to ${most} with its unit (ms, s, m or h), for example "10s"`,
    examples: ['500ms', '10s', '2m'],
  });
}

/** A size within limits. */
export function size(description: string, least: string, most: string) {
  const limits = [parseSize(least) ?? 0, parseSize(most) ?? 0] as const;
  return measured('a size', sizePattern, parseSize, limits, {
    description: `${description}. A size from ${least} to ${most}: a number and B, KiB, MiB, GiB, KB, MB or GB.`,
    remedy: `a number from ${least} to ${most} with its unit (B, KiB, MiB, KB, MB, …), for example "64KiB"`,
    examples: ['64KiB', '1MiB', '10MB'],
  });
}

function measured(
  what: string,
  pattern: RegExp,
  parse: (value: string) => number | undefined,
  [least, most]: readonly [number, number],
  doc: Doc,
) {
  const inRange = (value: string): boolean => {
    const parsed = parse(value);
    return parsed !== undefined && parsed >= least && parsed <= most;
  };
  const schema = z
    .string()
    .regex(pattern, { abort: true, error: issue => `${JSON.stringify(issue.input)} is not ${what}` })
    .refine(inRange, { error: issue => `${issue.input} is out of range` });
  return documented(schema, doc);
}

/** Names of listeners, routes, upstreams and filters: anything visible, so that logs stay readable. */
export const name = (what: string) =>
  text('a name', value => /^[^\s\p{Cc}](?:[^\p{Cc}]{0,126}[^\s\p{Cc}])?$/u.test(value), {
    description: `Name of the ${what}, in logs and errors.`,
    remedy: '1 to 128 visible characters, no blank at the ends',
  });
