import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { WeirError } from '../errors.ts';
import { prepare } from '../runtime/prepare.ts';
import { addBench } from './bench-command.ts';
import { exitCodes, UsageError } from './exit.ts';
import type { RunOptions } from './run.ts';
import { version } from './version.ts';

/** The configuration `weir run` takes when none is named, relative to the working directory. */
const defaultFile = 'config/weir.yaml';

/**
 * The command line. Resolves with the exit code once the command has ended: 0 fine, 1 the configuration or a
 * filter is wrong, 2 the command line is wrong.
 * @param args without node and the script
 */
export async function main(args: readonly string[]): Promise<number> {
  // A reader that goes away (weir inspect … | head) is no failure of ours.
  process.stdout.on('error', ignoreBrokenPipe);
  process.stderr.on('error', ignoreBrokenPipe);
  let code: number = exitCodes.fine;
  const program = build(result => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    return report(error);
  }
}

/** Each command's code is loaded when it is asked for: help and version need none of it. */
function build(ended: (code: number) => void): Command {
  const program = new Command('weir')
    .description(
      'A reverse proxy that runs a chain of Proxy-Wasm modules and WASI 0.2 components on every HTTP request and response.',
    )
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help, or that of a command')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('(weir --help shows what there is)')
    .exitOverride()
    .addHelpText('after', example('weir run config/minimal.yaml', 'weir check config/weir.yaml'))
    .addHelpText(
      'after',
      '\nExit codes: 0 fine, 1 the configuration or a filter is wrong, 2 the command line is wrong.',
    );

  program
    .command('run')
    .summary('start the proxy')
    .description(
      'Starts the proxy. Logs go to stderr; SIGTERM or Ctrl-C stops it once requests in flight have ended.',
    )
    .argument('[file]', 'configuration', defaultFile)
    .option(
      '-p, --port <number>',
      'listen on this port instead of the configured one; 0: any free port',
      port,
    )
    .addOption(
      new Option('--log-level <level>', 'log from this level on, instead of the configured one').choices([
        'trace',
        'debug',
        'info',
        'warn',
        'error',
        'fatal',
      ]),
    )
    .addHelpText('after', example('weir run', 'weir run config/routes.yaml --port 0 --log-level debug'))
    .action(async (file: string, options: RunOptions) => {
      prepare();
      const { run } = await import('./run.ts');
      await run(file, options);
    });

  program
    .command('check')
    .summary('check a configuration and start every filter once')
    .description(
      'Checks a configuration, starts every filter of it once, and prints every fault; or else what each filter costs: code, memory, what it is called with, the time of its start and, by a dry run with requests in memory, of a request.',
    )
    .argument('<file>', 'configuration')
    .option('--no-dry-run', 'send the filters no requests')
    .option('--json', 'print JSON')
    .addHelpText('after', example('weir check config/weir.yaml'))
    .action(async (file: string, options: { dryRun: boolean; json?: true }) => {
      prepare();
      const { check } = await import('./check.ts');
      ended(await check(file, options));
    });

  program
    .command('inspect')
    .summary('show what a module or component is and what it may call')
    .description(
      'Shows what a .wasm file is (ABI version or world, language, memory, code), when it is called, what becomes of bodies and what it may call, without running it.',
    )
    .argument('<module>', '.wasm file: a Proxy-Wasm module or a WASI 0.2 component')
    .option('--json', 'print JSON')
    .addHelpText('after', example('weir inspect filters/rust/add-header/add-header.wasm --json'))
    .action(async (file: string, options: { json?: true }) => {
      const { inspect } = await import('./inspect.ts');
      ended(await inspect(file, options));
    });

  addBench(program, example, ended);

  program
    .command('schema')
    .summary('print the JSON Schema of configurations')
    .description('Prints the JSON Schema of configurations, for editors.')
    .addHelpText('after', example('weir schema > weir.schema.json'))
    .addHelpText('after', '\nFirst line of a configuration: # yaml-language-server: $schema=weir.schema.json')
    .action(async () => {
      const { schema } = await import('./schema.ts');
      ended(schema());
    });

  return program;
}

function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}`;
}

function port(text: string): number {
  if (/^[0-9]{1,5}$/.test(text) && Number(text) <= 65535) return Number(text);
  throw new InvalidArgumentError('It is a number from 0 to 65535.');
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed its message; help and version end through here too.
    return error.code === 'commander.helpDisplayed' || error.exitCode === 0
      ? exitCodes.fine
      : exitCodes.usage;
  }
  if (error instanceof UsageError) {
    process.stderr.write(`error: ${error.message}\n(weir --help shows what there is)\n`);
    return exitCodes.usage;
  }
  if (error instanceof WeirError) {
    // One line per fault, each with its place where it has one.
    process.stderr.write(`${error.message}\n`);
    return exitCodes.wrong;
  }
  process.stderr.write(
    `weir: a fault of Weir itself: ${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return exitCodes.wrong;
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
