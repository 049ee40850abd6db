import type { HostcallTable } from '../abi/guest.ts';
import { clockCalls } from './clocks.ts';
import { fileCalls } from './files.ts';
import { processCalls } from './process.ts';

/**
 * WASI preview 1 for core modules: every function exists, so that whatever a toolchain links in loads; those that
 * reach outside the filter answer a proper errno.
 */
export const WASI_PREVIEW1: HostcallTable = { ...processCalls, ...clockCalls, ...fileCalls };
