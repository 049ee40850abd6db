/** JavaScript: an engine as WebAssembly with the script's state after loading it, QuickJS or StarlingMonkey. */

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { join, resolve } from 'node:path';
import { atLeast } from './commands.ts';
import type { Filter } from './filters.ts';
import { Failed, Missing, type Toolchain } from './toolchain.ts';

const WIT = 'wit/0.1.0/filter.wit';

/** Both engines' filters are one script. */
function entryOf(root: string, filter: Filter): string {
  return join(root, filter.sources[0]!, 'add-header.js');
}

function worldOf(filter: Filter): string {
  const world = filter.component?.world;
  if (world === undefined) throw new Failed('a JavaScript filter needs a world');
  return world;
}

function versionOf(packageJson: string): string {
  return (JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }).version;
}

// ---- QuickJS ----

const QUICKJS = 'componentize-qjs';
const QUICKJS_LEAST = '0.4.5';
const QUICKJS_HELP = `${QUICKJS} ${QUICKJS_LEAST} or later: before that, methods of resources got no arguments.
It comes with jco, or: npm install --prefix FOLDER ${QUICKJS}@${QUICKJS_LEAST}, and set COMPONENTIZE_QJS to
FOLDER/node_modules/${QUICKJS}.`;

interface QuickJs {
  componentize(options: {
    witPath: string;
    world: string;
    jsSource: string;
    jsPath: string;
    moduleRoot: string;
    stubWasi: boolean;
    optSize: boolean;
    sync: boolean;
  }): Promise<{ component: Uint8Array }>;
}

export function findQuickJs(root: string): Toolchain {
  const require = createRequire(import.meta.url);
  const folder = process.env['COMPONENTIZE_QJS'] ?? resolve(root, '../node_modules', QUICKJS);
  let version: string;
  let quickJs: QuickJs;
  try {
    version = versionOf(join(folder, 'package.json'));
    quickJs = require(folder) as QuickJs;
  } catch {
    throw new Missing(QUICKJS_HELP);
  }
  if (!atLeast(version, QUICKJS_LEAST)) throw new Missing(`${QUICKJS_HELP}\nHere is ${version}.`);
  return {
    version: `${QUICKJS} ${version}`,
    localPaths: [],
    async build(filter, output) {
      const entry = entryOf(root, filter);
      try {
        const { component } = await quickJs.componentize({
          witPath: join(root, WIT),
          world: worldOf(filter),
          jsSource: readFileSync(entry, 'utf8'),
          jsPath: entry,
          moduleRoot: resolve(entry, '..'),
          stubWasi: true, // no clock, no random numbers: nothing to be granted
          optSize: true,
          sync: true, // without the ABI for async functions, which would need JSPI
        });
        writeFileSync(output, component);
      } catch (error) {
        throw new Failed(String(error));
      }
    },
  };
}

// ---- StarlingMonkey ----

const STARLINGMONKEY = '@bytecodealliance/componentize-js';
const SHIM = '@bytecodealliance/preview2-shim';

interface StarlingMonkey {
  componentize(options: {
    sourcePath: string;
    witWorld: string;
    worldName: string;
    disableFeatures: readonly string[];
  }): Promise<{ component: Uint8Array }>;
}

export function findStarlingMonkey(root: string): Toolchain {
  const folder = resolve(root, '../node_modules', STARLINGMONKEY);
  let version: string;
  let entry: string;
  let jco: string;
  try {
    version = versionOf(join(folder, 'package.json'));
    entry = import.meta.resolve(STARLINGMONKEY);
    jco = import.meta.resolve('@bytecodealliance/jco');
  } catch {
    throw new Missing(`${STARLINGMONKEY} from npm, which jco brings. In the top folder: npm ci`);
  }
  return {
    version: `componentize-js ${version}`,
    localPaths: [],
    async build(filter, output) {
      // It imports the shim, and doesn't say so in its package.json: the one of jco will do.
      const hooks = registerHooks({
        resolve: (specifier, context, next) =>
          next(specifier, specifier.startsWith(SHIM) ? { ...context, parentURL: jco } : context),
      });
      try {
        const { componentize } = (await import(entry)) as StarlingMonkey;
        const { component } = await componentize({
          sourcePath: entryOf(root, filter),
          witWorld: readFileSync(join(root, WIT), 'utf8'), // as text: the shim lets it read no file
          worldName: worldOf(filter),
          disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'], // nothing to be granted
        });
        writeFileSync(output, component);
      } catch (error) {
        throw new Failed(String(error));
      } finally {
        hooks.deregister();
      }
    },
  };
}
