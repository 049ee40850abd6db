import { parentPort, workerData } from 'node:worker_threads';
import { Interrupter } from '../../engine/interrupt/interrupter.ts';
import type { PostedFilter } from '../../plugin/posted.ts';
import type { FilterModules } from '../filter-modules.ts';
import type { ServingThread } from '../serving-thread.ts';
import { StartError } from '../start-error.ts';
import type { FromWorker, ToWorker, WorkerData } from './messages.ts';
import { postedError, receivedError } from './posted-error.ts';
import { PostedLog } from './posted-log.ts';
import { withBuffers } from './with-buffers.ts';

// Entry of a worker's thread: it does what the main thread says (messages.ts).
const data = workerData as WorkerData;
const { bell, log: levels, singletons, stackTraceLimit } = data;
Error.stackTraceLimit = stackTraceLimit;
const port = parentPort!;
const post = (message: FromWorker) => port.postMessage(message);

const config = withBuffers(data.config);
const log = new PostedLog(levels, lines => post({ kind: 'log', lines }));
const watched = Promise.withResolvers<void>();
/** What `compile` asked for, by the number of the question. */
const asked = new Map<number, PromiseWithResolvers<PostedFilter>>();
let questions = 0;
let thread: ServingThread | undefined;

// First of all: the watchdog's thread needs a moment, and so does the code that is loaded meanwhile.
const interrupter = Interrupter.join(bell, ({ page, thread }) => {
  post({ kind: 'watch', page, thread });
  return watched.promise;
});
// Who needs it asks again, and gets the error.
watched.promise.catch(() => {});
const code = Promise.all([
  import('../serving-thread.ts'),
  import('./posted-modules.ts'),
  import('../shared-state.ts'),
]);

function ask(filter: string): Promise<PostedFilter> {
  const id = questions++;
  const answer = Promise.withResolvers<PostedFilter>();
  asked.set(id, answer);
  post({ kind: 'compile', id, filter });
  return answer.promise;
}

function answerTo(id: number): PromiseWithResolvers<PostedFilter> | undefined {
  const answer = asked.get(id);
  asked.delete(id);
  return answer;
}

async function start(): Promise<void> {
  const [{ ServingThread }, { PostedModules }, { openState }] = await code;
  const modulesOf = (onEvict: ConstructorParameters<typeof PostedModules>[2]): FilterModules =>
    new PostedModules(config.modules.cache, ask, onEvict);
  thread = await ServingThread.start(config, log, {
    modulesOf,
    state: await openState(data.state, log),
    singletons,
  });
  post({ kind: 'started' });
}

async function close(drain: number): Promise<void> {
  await thread?.close(drain);
  log.flush();
  post({ kind: 'closed' });
  // Not left to the event loop: a socket somebody forgot must not keep the thread.
  process.exit(0);
}

function failed(error: unknown): void {
  log.flush();
  const errors = error instanceof StartError ? error.errors : [error];
  post({ kind: 'failed', errors: errors.map(each => postedError(each)) });
}

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      start().catch(failed);
      break;
    case 'listen':
      thread!.listen(message.bindings).then(bound => post({ kind: 'listening', bound }), failed);
      break;
    case 'watched':
      // The first time it is the one who waits for this who tells it.
      interrupter.watched();
      watched.resolve();
      break;
    case 'lost':
      interrupter.lost();
      break;
    case 'unwatched':
      watched.reject(receivedError(message.error));
      break;
    case 'compiled':
      answerTo(message.id)?.resolve(message.filter);
      break;
    case 'refused':
      answerTo(message.id)?.reject(receivedError(message.error));
      break;
    case 'read':
      post({ kind: 'reading', id: message.id, reading: thread?.reading() ?? {} });
      break;
    case 'singletons':
      void thread?.takeSingletons();
      break;
    case 'close':
      close(message.drain).catch(failed);
      break;
  }
});

/** An error nobody caught leaves this thread in an unknown state: it is logged, and the thread ends. */
process.on('uncaughtException', (error, origin) => {
  log.fatal({ err: error, origin }, 'a fault of Weir itself');
  try {
    // What it counted up to here.
    if (thread !== undefined) post({ kind: 'reading', id: -1, reading: thread.reading() });
  } finally {
    process.exit(1);
  }
});
