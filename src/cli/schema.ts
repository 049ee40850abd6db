import { jsonSchema } from '../config/schema.ts';

/** `weir schema`: prints the JSON Schema of configurations. */
export function schema(): number {
  process.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
  return 0;
}
