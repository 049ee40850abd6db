/** C and C++: clang with wasi-libc, from the distribution or from a WASI SDK (WASI_SDK_PATH). */

import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { ask, run } from './commands.ts';
import { Failed, Missing, type Toolchain } from './toolchain.ts';

const TARGET = '--target=wasm32-wasi';

const HELP: Readonly<Record<'c' | 'cpp', string>> = {
  c: `clang with lld and wasi-libc. On Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32
Elsewhere: unpack a WASI SDK (github.com/WebAssembly/wasi-sdk) and set WASI_SDK_PATH to its folder.`,
  cpp: `clang with lld, wasi-libc and libc++ for WebAssembly. On Debian 12:
apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32
Elsewhere: unpack a WASI SDK (github.com/WebAssembly/wasi-sdk) and set WASI_SDK_PATH to its folder.`,
};

/** C is built for size, its files being small; both stay without exceptions, which would need a runtime. */
const FLAGS: Readonly<Record<'c' | 'cpp', readonly string[]>> = {
  c: ['-std=c11', '-Oz'],
  cpp: ['-std=c++17', '-Os', '-fno-exceptions', '-fno-rtti'],
};

const COMMON = [
  TARGET,
  '-mexec-model=reactor',
  '-mbulk-memory',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-Wl,--strip-debug', // keeps the names of functions
  '-Wl,--stack-first', // an overflowing stack traps, it does not run into data
];

export function findClang(root: string, language: 'c' | 'cpp'): Toolchain {
  const program = language === 'c' ? 'clang' : 'clang++';
  const sdk = process.env['WASI_SDK_PATH'];
  const clang = sdk === undefined ? program : join(sdk, 'bin', program);
  const version = ask(clang, ['-dumpversion']);
  const library = ask(clang, [TARGET, `-print-file-name=${language === 'c' ? 'libc.a' : 'libc++.a'}`]);
  const runtime = ask(clang, [TARGET, '-print-libgcc-file-name', '--rtlib=compiler-rt']);
  const linker = ask(clang, [TARGET, '-print-prog-name=wasm-ld']);
  const complete =
    version !== undefined &&
    library !== undefined &&
    isAbsolute(library) &&
    runtime !== undefined &&
    existsSync(runtime) &&
    linker !== undefined &&
    ask(linker, ['--version']) !== undefined;
  if (!complete) throw new Missing(HELP[language]);

  return {
    version: `clang ${version}`,
    localPaths: [],
    build(filter, output) {
      // Relative names, so that none of this machine's gets in.
      const folder = `${filter.language}/${filter.name}`;
      const sources = readdirSync(join(root, folder)).filter(name => /\.(c|cc)$/.test(name));
      const files = sources.sort().map(name => `${folder}/${name}`);
      const result = run(clang, [...COMMON, ...FLAGS[language], '-o', output, ...files], { cwd: root });
      if (!result.ok) throw new Failed(result.output);
    },
  };
}
