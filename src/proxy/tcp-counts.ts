/** What a TCP listener carried: plain numbers, read when metrics are asked for. */
export class TcpCounts {
  /** Connections of clients so far. */
  connections = 0;
  /** Of those, the ones that no upstream took or a filter's failure ended. */
  failures = 0;
  /** Bytes that came from clients, and from upstreams. */
  readonly bytes: [downstream: number, upstream: number] = [0, 0];
}
