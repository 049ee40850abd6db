import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration, parseSize } from '../config/units.ts';
import type { BenchOptions } from './bench.ts';

/** Largest body that is sent or answered with. */
const LARGEST_BODY = 256 * 1024 * 1024;

/** `weir bench`, with its options; `example` writes the examples under its help. */
export function addBench(
  program: Command,
  example: (...lines: readonly string[]) => string,
  ended: (code: number) => void,
): void {
  program
    .command('bench')
    .summary('measure what the filters of a route cost')
    .description(
      'Measures what each filter of a route costs, and its whole chain, against the same route without filters: CPU per request, latencies, memory. Each runs in a process of its own on loopback; requests go to an upstream made for it, not to yours.',
    )
    .argument('<file>', 'configuration')
    .option('-r, --route <path>', 'path that is asked for: it chooses the route', path, '/')
    .option('-m, --method <method>', 'method of the requests', method, 'GET')
    .option('-H, --header <line>', "'name: value' of the requests; can be repeated", header, [])
    .option('--body <size>', 'body of each request, 64KiB say', size, 0)
    .option('--response-body <size>', 'body of each response', size, 512)
    .option('--expect <status>', 'what the whole chain answers, 401 say (default: any 2xx)', status)
    .option('--real-upstreams', 'send requests where the configuration says')
    .option('-c, --connections <number>', 'connections at once', count(1, 10_000), 32)
    .option('--rate <number>', 'requests per second; 0: as many as go', count(0, 1_000_000), 0)
    .option('--rounds <number>', 'rounds, in which all take their turns', count(1, 1000), 8)
    .option('--slice <duration>', 'load in one turn', seconds, 1)
    .option('--warm-up <duration>', 'load before the first round, at most', seconds, 6)
    .option('--json <file>', 'write the report as JSON')
    .option('--html <file>', 'write the report as a page with charts')
    .option('--compare <file>', 'compare with an older report; exit code 1 when something got slower')
    .option('--threshold <share>', 'slower by so much counts', share, 0.1)
    .addHelpText(
      'after',
      example(
        'weir bench config/weir.yaml',
        'weir bench config/auth.yaml --route /api/ -H "authorization: Bearer ..." --html report.html',
        'weir bench config/weir.yaml --rate 500 --json now.json --compare before.json',
      ),
    )
    .action(async (file: string, options: BenchOptions) => {
      const { bench } = await import('./bench.ts');
      ended(await bench(file, options));
    });
}

function path(text: string): string {
  if (/^\/[\x21-\x7e]*$/.test(text)) return text;
  throw new InvalidArgumentError('It is a path that begins with a slash.');
}

function method(text: string): string {
  // autocannon waits for the body that the length of such an answer tells of.
  if (text === 'HEAD') throw new InvalidArgumentError('HEAD can not be measured.');
  if (/^[A-Z]{1,20}$/.test(text)) return text;
  throw new InvalidArgumentError('It is a method in capitals, such as POST.');
}

function header(text: string, before: readonly string[]): string[] {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n\0]*$/.test(text)) return [...before, text];
  throw new InvalidArgumentError("It is 'name: value'.");
}

function size(text: string): number {
  const bytes = /^[0-9]{1,9}$/.test(text) ? Number(text) : parseSize(text);
  if (bytes !== undefined && bytes <= LARGEST_BODY) return bytes;
  throw new InvalidArgumentError('It is a size up to 256MiB, such as 512B or 64KiB.');
}

function status(text: string): number {
  if (/^[2-5][0-9]{2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a status code from 200 to 599.');
}

function seconds(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= 50 && ms <= 600_000) return ms / 1000;
  throw new InvalidArgumentError('It is a duration from 50ms to 10m.');
}

function share(text: string): number {
  const match = /^([0-9]{1,4}(?:\.[0-9]+)?)(%?)$/.exec(text);
  if (match !== null) return Number(match[1]) / (match[2] === '%' ? 100 : 1);
  throw new InvalidArgumentError('It is a share, such as 10% or 0.1.');
}

function count(least: number, most: number): (text: string) => number {
  return text => {
    if (/^[0-9]{1,7}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}
