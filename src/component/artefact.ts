import type { Artefacts } from '../engine/artefacts.ts';
import { GLUE } from './glue.ts';
import type { Core, Transpiled } from './transpile.ts';

/** The version of jco that components are transpiled with: part of the names of artefacts on disk. */
export const JCO_VERSION = '1.35.0';

/** What is known of an artefact's bytes: the glue's text, V8's code of it, the core modules one after the other. */
interface Facts {
  readonly glue: number;
  readonly code: number;
  readonly cores: readonly { readonly name: string; readonly size: number }[];
}

/** A transpiled component as it is kept between runs. */
export interface KeptComponent extends Transpiled {
  /** What V8 compiled of the glue; empty when nothing was kept. */
  readonly code: Uint8Array;
}

function nameOf(hash: string, waits: boolean): string {
  return `${hash}.jco${JCO_VERSION}-${waits ? 'jspi' : 'sync'}${GLUE}`;
}

/** What was transpiled before from bytes with that SHA-256. Never throws. */
export async function keptComponent(
  artefacts: Artefacts,
  hash: string,
  waits: boolean,
): Promise<KeptComponent | undefined> {
  const kept = await artefacts.get(nameOf(hash, waits));
  if (kept === undefined) return undefined;
  const { glue, code, cores } = kept.facts as Facts;
  let at = 0;
  const next = (size: number): Uint8Array => {
    at += size;
    return kept.bytes.subarray(at - size, at);
  };
  return {
    glue: Buffer.from(next(glue)).toString('utf8'),
    code: next(code),
    cores: cores.map(({ name, size }): Core => ({ name, bytes: next(size) })),
  };
}

/** Keeps a transpiled component for the next process. Never throws. */
export async function keepComponent(
  artefacts: Artefacts,
  hash: string,
  waits: boolean,
  component: KeptComponent,
): Promise<void> {
  const { code, cores } = component;
  const glue = Buffer.from(component.glue);
  const facts: Facts = {
    glue: glue.length,
    code: code.length,
    cores: cores.map(({ name, bytes }) => ({ name, size: bytes.length })),
  };
  await artefacts.put(nameOf(hash, waits), {
    facts,
    bytes: Buffer.concat([glue, code, ...cores.map(core => core.bytes)]),
  });
}
