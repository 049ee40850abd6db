import type { Load } from './messages.ts';

/** A process to be measured, started once per group. */
export interface Target {
  /** Unique in its group. */
  readonly name: string;
  /** A script that calls `serveTarget`; null: the upstream itself, without a proxy. */
  readonly script: URL | null;
  /** Goes to its `start` with the upstream's URL. */
  readonly input?: unknown;
}

/** One target under one load. */
export interface Case {
  readonly name: string;
  readonly target: string;
  readonly load: Load;
  /** Name of the case that it is compared with; default: the group's first. */
  readonly base?: string;
  /** How many filters it has more than its base; default 0. */
  readonly filters?: number;
  /** What has the same filters, of another number. */
  readonly series?: string;
}

/** Cases that are measured in turn. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** What is counted; default `request`. */
  readonly unit?: string;
  /** Requests per second; default: as many as go. */
  readonly rate?: number;
  readonly targets: readonly Target[];
  readonly cases: readonly Case[];
}

export interface RunOptions {
  readonly rounds: number;
  /** Seconds of load, at most, for each case before the first round: V8 compiles what is called often, and takes its time. */
  readonly warmUp: number;
  /** Seconds that a case is loaded in a round. */
  readonly slice: number;
  readonly connections: number;
  /** Bytes that the upstream answers when nothing else is said. */
  readonly responseBody: number;
  /** Instead of the scenarios' own; 0: theirs. */
  readonly rate: number;
  /** What is being done, and how much of the whole is done (0 to 1). */
  readonly progress: (text: string, done: number) => void;
}
