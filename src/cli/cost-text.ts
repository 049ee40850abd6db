import { limits } from '../config/schema-limits.ts';
import { parseSize } from '../config/units.ts';
import type { CodeReport, LoadReport, ModuleReport } from '../plugin/inspect.ts';
import type { Phases } from '../plugin/types.ts';
import { bytesText, timeText } from './text.ts';

const written = limits.parse(undefined);
const defaultOf = (limit: 'memory' | 'functionSize' | 'bufferedBody') => parseSize(written[limit]) ?? 0;

/** What `limits` of a filter say unless configured, in bytes. */
export const DEFAULTS = {
  memory: defaultOf('memory'),
  functionSize: defaultOf('functionSize'),
  bufferedBody: defaultOf('bufferedBody'),
};

/** What a module's memory may take. */
export function memoryText({ initialBytes, maximumBytes }: NonNullable<ModuleReport['memory']>): string {
  const most = maximumBytes === null ? 'no maximum of its own' : `at most ${bytesText(maximumBytes)}`;
  return `${bytesText(initialBytes)} at start, ${most}`;
}

/** The same under the limit that holds unless configured. */
export function limitedMemoryText(memory: NonNullable<ModuleReport['memory']>): string {
  const { initialBytes, maximumBytes } = memory;
  const limit = `limits.memory (${bytesText(DEFAULTS.memory)} by default)`;
  const text = memoryText(memory);
  if (initialBytes > DEFAULTS.memory)
    return `${text}: more than ${limit}, so it needs limits: {memory: ${mebibytes(initialBytes)}} or more`;
  if (maximumBytes === null) return `${text} but ${limit}`;
  return maximumBytes > DEFAULTS.memory ? `${text}, of which it gets ${limit}` : text;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1024 ** 2)}MiB`;
}

/** How much code it has. */
export function codeText({ size, functions, longest, rewritten }: CodeReport): string {
  const parts = [`${bytesText(size)} in ${functions} function${functions === 1 ? '' : 's'}`];
  if (rewritten !== null) parts.push(`${bytesText(rewritten)} with Weir's checks`);
  const limit = `limits.functionSize (${bytesText(DEFAULTS.functionSize)} by default)`;
  const needs = `, so it needs limits: {functionSize: ${Math.ceil(longest / 1024)}KiB} or more`;
  const over = longest > DEFAULTS.functionSize ? `: more than ${limit}${needs}` : '';
  return `${parts.join(', ')}; longest function ${bytesText(longest)}${over}`;
}

/** How long it took to get it ready; `read` in milliseconds. */
export function loadText(load: LoadReport, read: number, kind: ModuleReport['kind']): string {
  const parts = [
    ['read', read] as const,
    ['rewrite', load.rewriteMillis] as const,
    ['compile', load.compileMillis] as const,
  ];
  const text = parts.map(([name, ms]) => `${name} ${timeText(ms)}`).join(', ');
  const rest = kind === 'component' ? '; transpiling comes on top, see weir check' : '';
  return `${text} (once and cold, on this machine)${rest}`;
}

/** What happens to bodies, as far as exports and imports tell. */
export function bodiesText(phases: Phases, limit: number): string {
  const { requestBody, responseBody, changesBodies } = phases;
  const change = changesBodies ? 'may change it and' : "can't change it (no import for that), and may";
  const hold = `hold up to limits.bufferedBody (${bytesText(limit)}) of a body: whether it does shows when it runs`;
  const through = `each piece goes through the filter, which ${change} ${hold}`;
  if (requestBody && responseBody) return `both ways, ${through}`;
  if (requestBody) return `of responses pass by; of requests ${through}`;
  if (responseBody) return `of requests pass by; of responses ${through}`;
  return 'pass by: no byte of them enters the guest';
}
