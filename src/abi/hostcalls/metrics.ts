import type { HostcallTable } from '../guest.ts';
import { returnId } from '../results.ts';
import { METRIC_TYPE_MAX, type MetricType, Status } from '../types.ts';

export const METRIC_NAME_MAX_BYTES = 256;

/** Chapter "Metrics". Values are u64; a counter doesn't go down, and a histogram can't be read. */
export const metrics: HostcallTable = {
  /**
   * `proxy_define_metric(type, name: *u8, name_size, return_metric_id: *u32) -> status`: the same id for the same name.
   * OK; BAD_ARGUMENT for an unknown type, an empty name or one over 256 bytes, a name that has another type, and for more
   * metrics than the filter's limits allow; INVALID_MEMORY_ACCESS.
   */
  proxy_define_metric: guest => (type: number, namePtr: number, nameSize: number, idPtr: number) => {
    const { memory } = guest;
    if (type >>> 0 > METRIC_TYPE_MAX) return Status.BAD_ARGUMENT;
    if (!memory.has(namePtr, nameSize) || !memory.has(idPtr, 4)) return Status.INVALID_MEMORY_ACCESS;
    if (nameSize === 0 || nameSize >>> 0 > METRIC_NAME_MAX_BYTES) return Status.BAD_ARGUMENT;
    return returnId(
      guest,
      guest.host.defineMetric(type as MetricType, memory.latin1(namePtr, nameSize)),
      idPtr,
    );
  },

  /**
   * `proxy_record_metric(metric_id, value: u64) -> status`: adds to a counter, sets a gauge, is one more observation of a
   * histogram (as in Envoy). OK; NOT_FOUND.
   */
  proxy_record_metric: guest => (id: number, value: bigint) =>
    guest.host.recordMetric(id >>> 0, BigInt.asUintN(64, value)),

  /**
   * `proxy_increment_metric(metric_id, offset: i64) -> status`. OK; NOT_FOUND; BAD_ARGUMENT for a counter that would go
   * down, and for a histogram.
   */
  proxy_increment_metric: guest => (id: number, offset: bigint) =>
    guest.host.incrementMetric(id >>> 0, offset),

  /** `proxy_get_metric(metric_id, return_value: *u64) -> status`. OK; NOT_FOUND; BAD_ARGUMENT for a histogram. */
  proxy_get_metric: guest => (id: number, ptr: number) => {
    if (!guest.memory.has(ptr, 8)) return Status.INVALID_MEMORY_ACCESS;
    const value = guest.host.metricValue(id >>> 0);
    if (typeof value === 'number') return value;
    guest.memory.setU64(ptr, value);
    return Status.OK;
  },
};
