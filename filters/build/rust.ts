/** Rust: cargo, with the wasm32 standard library of rustup, or built from Debian's sources. */

import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ask, atLeast, run } from './commands.ts';
import type { Filter } from './filters.ts';
import { Failed, Missing, type Toolchain } from './toolchain.ts';

const TARGET = 'wasm32-unknown-unknown';
const LEAST = '1.85'; // edition 2024
const LINKERS = ['wasm-ld', ...[22, 21, 20, 19, 18, 17, 16, 15, 14].map(version => `wasm-ld-${version}`)];

const HELP = `Rust ${LEAST} or later with ${TARGET}. With rustup: rustup target add ${TARGET}.
On Debian: apt-get install rustc-web cargo-web rust-web-src lld
(or, where rustc is ${LEAST} or later: apt-get install rustc cargo libstd-rust-dev-wasm32 lld).`;

interface Compiler {
  readonly cargo: string;
  readonly rustc: string;
  readonly version: string;
  readonly sysroot: string;
  /** The standard library has to be built first. */
  readonly buildStd: boolean;
}

function inspect(cargo: string, rustc: string): Compiler | undefined {
  const version = ask(rustc, ['--version'])?.split(' ')[1];
  const sysroot = ask(rustc, ['--print', 'sysroot']);
  if (version === undefined || sysroot === undefined || ask(cargo, ['--version']) === undefined)
    return undefined;
  if (!atLeast(version, LEAST)) return undefined;
  const found = { cargo, rustc, version, sysroot };
  if (existsSync(join(sysroot, 'lib/rustlib', TARGET, 'lib'))) return { ...found, buildStd: false };
  if (existsSync(join(sysroot, 'lib/rustlib/src/rust/library/std'))) return { ...found, buildStd: true };
  return undefined;
}

function remap(compiler: Compiler, root: string): string[] {
  const cargoHome = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
  const registries = join(cargoHome, 'registry/src');
  const names = existsSync(registries) ? readdirSync(registries) : [];
  return [
    ...names.map(name => `--remap-path-prefix=${join(registries, name)}=crates`),
    `--remap-path-prefix=${join(compiler.sysroot, 'lib/rustlib/src/rust')}=rust`,
    `--remap-path-prefix=${join(root, 'rust')}=weir`,
  ];
}

/** rustc asks for a stack of a megabyte, all of which an instance begins with; the linker takes the last it is told. */
function linkFlags({ stack, memory }: Filter): string[] {
  const flags: string[] = [];
  if (stack !== undefined) flags.push(`-Clink-arg=-zstack-size=${stack}`);
  if (memory !== undefined) flags.push(`-Clink-arg=--initial-memory=${memory}`);
  return flags;
}

export function findRust(root: string): Toolchain {
  const compiler = inspect('cargo', 'rustc') ?? inspect('/usr/bin/cargo', '/usr/bin/rustc');
  if (compiler === undefined) throw new Missing(HELP);
  // rustup brings its own linker, Debian does not.
  const ownLinker = ask('find', [join(compiler.sysroot, 'lib/rustlib'), '-name', 'rust-lld', '-type', 'f']);
  const linker = LINKERS.find(name => ask(name, ['--version']) !== undefined);
  if (!ownLinker && linker === undefined) throw new Missing(HELP);
  // Under node_modules: no tool looks there for files that belong to the package.
  const targetDir = resolve(root, '../node_modules/.cache/weir-filters/rust');

  return {
    version: `rustc ${compiler.version}`,
    localPaths: [compiler.sysroot, join(compiler.sysroot, 'lib/rustlib/src')],
    build(filter, output) {
      const folder = filter.component === undefined ? 'rust' : `rust/${filter.name}`;
      const base = ['--locked', '--manifest-path', join(root, folder, 'Cargo.toml')];
      const env: Record<string, string> = { RUSTC: compiler.rustc };
      // The sources of the crates must be there before their place can be named.
      const fetched = run(compiler.cargo, ['fetch', ...base], { env });
      if (!fetched.ok) throw new Failed(fetched.output);
      const flags = remap(compiler, root);
      if (!ownLinker) flags.push(`-Clinker=${linker}`);
      env['CARGO_ENCODED_RUSTFLAGS'] = flags.join('\x1f');
      const args = ['rustc', '--release', '--target', TARGET, '--target-dir', targetDir, '-p', filter.name];
      if (compiler.buildStd) {
        env['RUSTC_BOOTSTRAP'] = '1';
        args.push('-Zbuild-std=std,panic_abort');
      }
      const built = run(compiler.cargo, [...args, ...base, '--', ...linkFlags(filter)], { env });
      if (!built.ok) throw new Failed(built.output);
      copyFileSync(join(targetDir, TARGET, 'release', `${filter.name.replaceAll('-', '_')}.wasm`), output);
    },
  };
}
