import { jsonSchema } from '../config/schema.ts';

/** `weir schema`: prints the JSON Schema, exactly as config/weir.schema.json has it. */
export function schema(): number {
  process.stdout.write(schemaText());
  return 0;
}

export function schemaText(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}
