/** The thread that jco runs in (transpile.ts): the only place that loads it to transpile. */
import { parentPort } from 'node:worker_threads';
import { transpile } from '@bytecodealliance/jco';
import type { Answer, Core, Question, Transpiled } from './transpile.ts';
import { ASYNC_IMPORTS } from './wasi/index.ts';

const NAME = 'component';

const OPTIONS = {
  name: NAME,
  instantiation: 'sync',
  wasiShim: false,
  base64Cutoff: 0,
  emitTypescriptDeclarations: false,
  minify: true,
} as const;

/** The export of a component that handles requests, in jco's notation: it may be suspended. */
const JSPI = {
  asyncMode: 'jspi',
  asyncImports: [...ASYNC_IMPORTS],
  asyncExports: ['wasi:http/incoming-handler#handle'],
} as const;

/** Bytes: StarlingMonkey with all of WASI takes less than one MiB. To load it holds up the thread that runs filters. */
const GLUE_MAX = 8 * 1024 ** 2;

async function run(bytes: Uint8Array, waits: boolean): Promise<Transpiled> {
  const { files } = await transpile(bytes, waits ? { ...OPTIONS, ...JSPI } : OPTIONS);
  const cores: Core[] = [];
  for (const [name, file] of Object.entries(files)) {
    if (name.endsWith('.wasm')) cores.push({ name, bytes: file });
  }
  const script = files[`${NAME}.js`] ?? new Uint8Array();
  if (script.length > GLUE_MAX) {
    throw new Error(`what it makes of it is ${script.length} bytes of JavaScript, ${GLUE_MAX} at the most`);
  }
  const glue = Buffer.from(script).toString('utf8');
  return { glue, cores };
}

parentPort?.on('message', ({ bytes, waits }: Question) => {
  run(bytes, waits).then(
    done => parentPort?.postMessage({ done } satisfies Answer),
    error => {
      const failed = error instanceof Error ? error.message : String(error);
      parentPort?.postMessage({ failed } satisfies Answer);
    },
  );
});
