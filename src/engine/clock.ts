const originNanoseconds = BigInt(Math.round(performance.timeOrigin * 1e3)) * 1000n;

/** Nanoseconds since the epoch, at the resolution of `performance.now`. */
export function realtimeNanoseconds(): bigint {
  return originNanoseconds + BigInt(Math.round(performance.now() * 1e3)) * 1000n;
}
