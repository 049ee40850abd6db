import { ModuleError } from '../errors.ts';

export type ModuleKind = 'core' | 'component';

/**
 * What the first eight bytes say (core specification 5.5.16; component model, Binary.md).
 * @throws ModuleError MODULE_NOT_WASM: not WebAssembly, or a version nobody knows.
 */
export function identify(bytes: Uint8Array): ModuleKind {
  if (bytes.length === 0) throw new ModuleError('MODULE_NOT_WASM', 'the file is empty');
  const magic =
    bytes.length >= 8 && bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
  if (!magic) {
    const text = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
    const looksLikeText = /^\s*\(\s*(module|component)/.test(text);
    throw new ModuleError(
      'MODULE_NOT_WASM',
      looksLikeText
        ? 'the file is WebAssembly text: assemble it first, for example with wasm-tools parse'
        : 'the file is not WebAssembly (it does not start with \\0asm)',
    );
  }
  const version = bytes[4]! | (bytes[5]! << 8);
  const layer = bytes[6]! | (bytes[7]! << 8);
  if (layer === 1) return 'component';
  if (layer === 0 && version === 1) return 'core';
  throw new ModuleError('MODULE_NOT_WASM', `WebAssembly version ${version}, layer ${layer} is unknown`);
}
