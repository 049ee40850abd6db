/** A figure over all rounds. */
export interface Stat {
  readonly median: number;
  /** Ends of the middle half of the rounds. */
  readonly low: number;
  readonly high: number;
}

/** Milliseconds. With a fixed rate, requests that a slow answer kept from being sent count as waiting. */
export interface Latency {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Percentile (0-100) and milliseconds, rising. */
  readonly distribution: readonly (readonly [number, number])[];
}

/** What the filters of a case cost, over its base. */
export interface FilterCost {
  /** How many filters. */
  readonly filters: number;
  /** µs of CPU per request and filter: the median difference within a round, and its 95 % confidence interval; null in a report of ratios. */
  readonly micros: Stat | null;
  /** The same as a share of what a request costs without filters. */
  readonly share: Stat;
}

/** What one target did under one load. */
export interface CaseResult {
  /** Unique in its group. */
  readonly name: string;
  /** Cases that differ in the number of filters only have the same one: a line in a chart. Empty: none. */
  readonly series: string;
  /** Filters in the chain; 0: none, or no proxy of ours. */
  readonly filters: number;
  /** The case that `ratios` compares with; its own name: with itself. */
  readonly base: string;
  /** Requests answered in all rounds; null in a report of ratios. */
  readonly requests: number | null;
  readonly errors: number;
  /** What the first error was; empty without any. */
  readonly error: string;
  /** Per second; null in a report of ratios. */
  readonly rate: Stat | null;
  /** µs of CPU of the proxy, all threads, per request. */
  readonly cpu: Stat | null;
  readonly latency: Latency | null;
  /** Most bytes that the proxy had resident since it started. */
  readonly peakMemory: number | null;
  /** To the base, within the same round: machine-independent. Zeros where one of them had no answers. */
  readonly ratios: { readonly cpu: Stat; readonly rate: Stat };
  readonly cost: FilterCost | null;
}

/** Cases that were measured in turn, round after round. */
export interface GroupResult {
  readonly name: string;
  readonly title: string;
  /** What is counted: `request`, `message`. */
  readonly unit: string;
  /** Requests per second that were asked for; 0: as many as go, each connection waiting for its answer. */
  readonly fixedRate: number;
  readonly cases: readonly CaseResult[];
}

/** One aim and what was measured. */
export interface Aim {
  readonly what: string;
  readonly value: number;
  /** Reached when the value is at most this. */
  readonly most: number;
  readonly unit: string;
  readonly reached: boolean;
}

export interface Report {
  readonly version: 1;
  /** What was measured, for a title. */
  readonly title: string;
  /** The command that made it. */
  readonly command: string;
  /** ISO 8601; empty in a report of ratios. */
  readonly date: string;
  readonly machine: { readonly node: string; readonly platform: string; readonly cpus: number };
  readonly rounds: number;
  /** Seconds that one case is loaded in one round. */
  readonly slice: number;
  readonly connections: number;
  readonly groups: readonly GroupResult[];
  readonly aims: readonly Aim[];
}
