/** The thread that jco runs in (transpile.ts): the only place that loads it to transpile. */
import { parentPort } from 'node:worker_threads';
import { componentWit, transpile } from '@bytecodealliance/jco';
import { JSPI_EXPORTS, JSPI_IMPORTS } from './jspi.ts';
import type { Answer, Core, Transpiled } from './transpile.ts';

const NAME = 'component';
const HANDLES_HTTP = /^\s*export wasi:http\/incoming-handler@0\.2\./m;

const OPTIONS = {
  name: NAME,
  instantiation: 'sync',
  wasiShim: false,
  base64Cutoff: 0,
  emitTypescriptDeclarations: false,
  minify: true,
} as const;

async function run(bytes: Uint8Array): Promise<Transpiled> {
  const wit = await componentWit(bytes);
  const jspi = {
    asyncMode: 'jspi',
    asyncImports: [...JSPI_IMPORTS],
    asyncExports: [...JSPI_EXPORTS],
  } as const;
  const { files } = await transpile(bytes, HANDLES_HTTP.test(wit) ? { ...OPTIONS, ...jspi } : OPTIONS);
  const cores: Core[] = [];
  for (const [name, file] of Object.entries(files))
    if (name.endsWith('.wasm')) cores.push({ name, bytes: file });
  const glue = Buffer.from(files[`${NAME}.js`] ?? '').toString('utf8');
  return { glue, cores, wit };
}

parentPort?.on('message', ({ id, bytes }: { id: number; bytes: Uint8Array }) => {
  run(bytes).then(
    done => parentPort?.postMessage({ id, done } satisfies Answer),
    error => {
      const failed = error instanceof Error ? error.message : String(error);
      parentPort?.postMessage({ id, failed } satisfies Answer);
    },
  );
});
