/** AssemblyScript: its compiler and the SDK come from npm. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ask, run } from './commands.ts';
import { Failed, Missing, type Toolchain } from './toolchain.ts';

const PACKAGES = ['assemblyscript', '@gcoredev/proxy-wasm-sdk-as', '@assemblyscript/wasi-shim'];

export function findAssemblyScript(root: string): Toolchain {
  const modules = resolve(root, '../node_modules');
  const missing = PACKAGES.filter(name => !existsSync(join(modules, name)));
  if (missing.length > 0) throw new Missing(`${missing.join(', ')} from npm. In the top folder: npm ci`);
  const asc = join(modules, 'assemblyscript/bin/asc.js');
  const version = /[\d.]+/.exec(ask(process.execPath, [asc, '--version']) ?? '')?.[0] ?? 'unknown';
  return {
    version: `asc ${version}`,
    localPaths: [],
    build(filter, output) {
      const cwd = join(root, 'assemblyscript', filter.name);
      const result = run(process.execPath, [asc, '--config', 'asconfig.json', '--outFile', output], { cwd });
      if (!result.ok) throw new Failed(result.output);
    },
  };
}
