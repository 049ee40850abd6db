/** What a toolchain is to the build, whatever the language. */

import type { Filter } from './filters.ts';

export interface Toolchain {
  /** Program and version, for the manifest. */
  readonly version: string;
  /** Paths of this machine that must not end up in a binary. */
  readonly localPaths: readonly string[];
  /**
   * Builds `filter` into the file `output`, or throws with what the compiler said. Of a component it may leave the core
   * module: the rest is done elsewhere.
   */
  build(filter: Filter, output: string): void | Promise<void>;
}

/** A toolchain is not there, or too old. The message says what is missing and how to get it. */
export class Missing extends Error {}

/** The compiler said no. */
export class Failed extends Error {}
