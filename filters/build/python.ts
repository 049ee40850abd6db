/** Python: CPython as WebAssembly with the modules loaded, by componentize-py. */

import { join } from 'node:path';
import { ask, run } from './commands.ts';
import { Failed, Missing, type Toolchain } from './toolchain.ts';

const HELP = `componentize-py from PyPI: pip install componentize-py (in a virtual environment: python3 -m venv FOLDER).
It is looked for in PATH; COMPONENTIZE_PY names it elsewhere.`;

export function findPython(root: string): Toolchain {
  const program = process.env['COMPONENTIZE_PY'] ?? 'componentize-py';
  const version = ask(program, ['--version'])?.split(' ')[1];
  if (version === undefined) throw new Missing(HELP);
  return {
    version: `componentize-py ${version}`,
    localPaths: [],
    build(filter, output) {
      const wit = [
        '--wit-path',
        join(root, 'wit/0.1.0/filter.wit'),
        '--world',
        filter.component?.world ?? '',
      ];
      // Without WASI there is nothing to be granted; random numbers are then the same at every start.
      const args = ['componentize', '--stub-wasi', '--python-path', '.', '--output', output, 'http_headers'];
      const result = run(program, [...wit, ...args], { cwd: join(root, 'python', filter.name) });
      if (!result.ok) throw new Failed(result.output);
    },
  };
}
