import { Reader } from '../binary.ts';

/** Custom sections that hold offsets of code, or say where such are: code has moved. */
const HOLDS_OFFSETS =
  /^(?:\.debug_|reloc\.|metadata\.code\.|(?:sourceMappingURL|external_debug_info|linking)$)/;

/** Whether a custom section has to go. @throws ModuleError MODULE_MALFORMED for a name that isn't within it */
export function droppedCustom(bytes: Uint8Array, start: number, end: number): boolean {
  return HOLDS_OFFSETS.test(new Reader(bytes, start, end).text());
}
