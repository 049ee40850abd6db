import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

const MESSAGE_FIELD = 1;

/** The bytes of field 1 of a message; undefined when it isn't one, or has none. */
function firstField(bytes: Uint8Array): Uint8Array | undefined {
  try {
    const reader = new BinaryReader(bytes);
    let found: Uint8Array | undefined;
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === MESSAGE_FIELD && type === WireType.LengthDelimited) found = reader.bytes();
      else reader.skip(type, field);
    }
    return found;
  } catch {
    return undefined;
  }
}

/**
 * Which of the granted upstreams a gRPC call names: its name, or Envoy's GrpcService (envoy_grpc.cluster_name) around it,
 * which SDKs of C++ send. Undefined: none of them.
 */
export function grpcUpstream(service: Buffer, granted: readonly string[]): string | undefined {
  const text = service.toString();
  if (granted.includes(text)) return text;
  const envoyGrpc = firstField(service);
  const cluster = envoyGrpc && firstField(envoyGrpc);
  const name = cluster && Buffer.from(cluster).toString();
  return name !== undefined && granted.includes(name) ? name : undefined;
}
