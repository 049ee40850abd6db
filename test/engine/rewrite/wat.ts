import wabt from 'wabt';

const assembler = await wabt();

/** Text to bytes, with all that wabt knows; exceptions are the older proposal's. */
export function wat(text: string): Uint8Array<ArrayBuffer> {
  const features = {
    exceptions: true,
    simd: true,
    threads: true,
    tail_call: true,
    function_references: true,
  };
  const module = assembler.parseWat('guest.wat', text, features);
  try {
    return new Uint8Array(module.toBinary({ write_debug_names: true }).buffer);
  } finally {
    module.destroy();
  }
}
