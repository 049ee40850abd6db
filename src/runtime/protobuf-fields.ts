import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

const NOTHING = Buffer.alloc(0);

/** Fields of a protobuf message by number, the last of each; those that aren't there have their default. */
export interface MessageFields {
  /** Of a field that is bytes, a string or a message. */
  bytes(field: number): Buffer;
  /** Of a field that is a number, a boolean or an enum: its lowest 32 bits. */
  number(field: number): number;
}

/** Undefined: the bytes are no protobuf message. */
export function messageFields(message: Buffer): MessageFields | undefined {
  const texts = new Map<number, Buffer>();
  const numbers = new Map<number, number>();
  try {
    const reader = new BinaryReader(message);
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (type === WireType.LengthDelimited) texts.set(field, Buffer.from(reader.bytes()));
      else if (type === WireType.Varint)
        numbers.set(field, Number(BigInt.asUintN(32, BigInt(reader.uint64()))));
      else reader.skip(type, field);
    }
  } catch {
    return undefined;
  }
  return {
    bytes: field => texts.get(field) ?? NOTHING,
    number: field => numbers.get(field) ?? 0,
  };
}
