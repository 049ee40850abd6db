/** Makes a component of a core module, for filters of your own: the step after the compiler. */

import { readFileSync, writeFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { toComponent } from './build/component.ts';

const USAGE = `npx node filters/component.ts [--world WORLD] [--adapter FILE.wat] CORE.wasm OUTPUT.wasm

  --world    http-filter, header-filter or another one of filters/wit; not for Rust, whose crate puts it in
  --adapter  what stands in for WASI preview 1: go/wasi.wat for Go
`;

async function main(): Promise<number> {
  const options = { world: { type: 'string' }, adapter: { type: 'string' } } as const;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [core, output, ...more] = positionals;
    if (core === undefined || output === undefined || more.length > 0) throw new Error(USAGE);
    const root = import.meta.dirname;
    const component = {
      ...(values.world === undefined ? {} : { world: values.world }),
      ...(values.adapter === undefined ? {} : { adapter: relative(root, resolve(values.adapter)) }),
    };
    writeFileSync(output, await toComponent(root, component, readFileSync(core)));
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main();
