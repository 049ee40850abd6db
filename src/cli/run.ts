import { loadConfig } from '../config/load.ts';
import type { WeirConfig } from '../config/types.ts';
import type { Log, LogLevel } from '../log.ts';
import { type RunningWeir, startWeir } from '../runtime/weir.ts';
import { UsageError } from './exit.ts';
import { createLog } from './logger.ts';
import { runText } from './run-text.ts';
import { version } from './version.ts';

export interface RunOptions {
  /** Instead of every listener's port. */
  readonly port?: number;
  /** Instead of the configured level. */
  readonly logLevel?: LogLevel;
}

/** How long after the drain limit a stop may take before the process ends anyway, in ms. */
const stopReserve = 5000;

/**
 * `weir run`: serves until SIGTERM or SIGINT, then lets requests in flight end and ends the process: exit code 0,
 * or 1 when they did not end in time (killed, when not even a thread of it can be ended). While it starts, a signal ends it at once.
 * @throws WeirError when the configuration or a filter is wrong or an address is taken: nothing is listening then
 */
export async function run(file: string, options: RunOptions): Promise<never> {
  const config = override(loadConfig(file), options);
  // A guest's backtrace is worth more than ten lines.
  Error.stackTraceLimit = 32;
  const log = createLog(config.log);
  dieLogged(log);
  const stopped = stopSignal();
  const weir = await Promise.race([startWeir(config, log), stopped]);
  if (typeof weir === 'string') {
    // To transpile components can take minutes, and nobody is served yet.
    log.info({ signal: weir }, 'stopped before it was started');
    process.exit(0);
  }
  log.info({ addresses: weir.addresses.map(({ url }) => url) }, 'started');
  process.stdout.write(runText(config, weir, version()));
  const signal = await stopped;
  log.info({ signal }, 'stopping: no new connections, requests in flight may end');
  const inTime = await closesInTime(weir, config.shutdown.drain + stopReserve);
  if (inTime) log.info({}, 'stopped');
  else log.error({}, 'requests in flight did not end in time: stopping anyway');
  // A thread in a call that nothing ends would hold up process.exit, and every signal, for as long.
  if (!inTime && weir.threads > 0) process.kill(process.pid, 'SIGKILL');
  // Not left to the event loop: a socket somebody forgot must not keep the process.
  process.exit(inTime ? 0 : 1);
}

function override(config: WeirConfig, { port, logLevel }: RunOptions): WeirConfig {
  const { listeners, admin, log } = config;
  if (port !== undefined && port !== 0 && listeners.length > 1) {
    throw new UsageError(`--port ${port} can't hold for ${listeners.length} listeners; --port 0 can`);
  }
  return {
    ...config,
    listeners: port === undefined ? listeners : listeners.map(listener => ({ ...listener, port })),
    // Another process may have its fixed port, too.
    admin: port === 0 && admin !== undefined ? { ...admin, port } : admin,
    log: logLevel === undefined ? log : { ...log, level: logLevel },
  };
}

/** The first signal asks for a stop; the second ends the process at once, as if it had not been caught. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (!asked) {
          asked = true;
          resolve(signal);
          return;
        }
        // Not process.exit, which waits for threads.
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      });
    }
  });
}

async function closesInTime(weir: RunningWeir, limit: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, limit, false);
  });
  const closed = await Promise.race([weir.close().then(() => true), late]);
  clearTimeout(timer);
  return closed;
}

/** An error nobody caught leaves the process in an unknown state: it is logged, and the process ends. */
function dieLogged(log: Log): void {
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'a fault of Weir itself');
    process.exit(1);
  });
}
