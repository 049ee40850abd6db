/** Go: its own compiler, as a WASI reactor. */

import { join } from 'node:path';
import { ask, atLeast, run } from './commands.ts';
import { Failed, Missing, type Toolchain } from './toolchain.ts';

const LEAST = '1.24'; // -buildmode=c-shared for wasip1, go:wasmexport

export function findGo(root: string): Toolchain {
  const version = /go(\d[\d.]*)/.exec(ask('go', ['version']) ?? '')?.[1];
  if (version === undefined || !atLeast(version, LEAST)) {
    const found = version === undefined ? 'There is none here.' : `Here is ${version}.`;
    throw new Missing(`Go ${LEAST} or later, from go.dev/dl or Debian backports. ${found}`);
  }
  const paths = (ask('go', ['env', 'GOROOT', 'GOMODCACHE']) ?? '').split('\n');
  return {
    version: `go ${version}`,
    localPaths: paths.filter(path => path !== ''),
    build(filter, output) {
      // -w leaves debug data out and keeps the names of functions, which -s would drop too.
      const args = ['build', '-buildmode=c-shared', '-trimpath', '-buildvcs=false', '-ldflags=-w -buildid='];
      const env = { GOOS: 'wasip1', GOARCH: 'wasm', CGO_ENABLED: '0' };
      const result = run('go', [...args, '-o', output, '.'], { cwd: join(root, 'go', filter.name), env });
      if (!result.ok) throw new Failed(result.output);
    },
  };
}
