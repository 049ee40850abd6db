import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { witOf } from '../../src/component/wit.ts';

/** A component of the only world in the text (or of that one): its functions trap. */
export async function fromWit(witSource: string, world?: string): Promise<Uint8Array> {
  const options = { dummy: true, witSource, ...(world !== undefined && { world }) };
  return await componentNew(await componentEmbed(options), []);
}

export async function witFrom(witSource: string, world?: string) {
  return witOf(await fromWit(witSource, world));
}

/** A component from its text: what wasm-tools wouldn't make, too. */
export async function fromWat(text: string): Promise<Uint8Array> {
  return await parse(text);
}
