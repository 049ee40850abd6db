import { WebSocket } from 'undici';
import type { Latencies } from './latencies.ts';
import type { LoadRequest, LoadResult } from './messages.ts';

/** One connection: sends a message, waits for its echo, and again, `amount` times. Connecting isn't timed. */
function connection(
  url: string,
  size: number,
  amount: number,
  patience: number,
  answered: (ms: number) => void,
): Promise<void> {
  const message = Buffer.alloc(size, 'x').toString();
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    let left = amount;
    let sent = 0;
    const timer = setTimeout(() => fail(`no end within ${patience} s`), patience * 1000);
    const fail = (reason: string) => {
      clearTimeout(timer);
      socket.close();
      reject(new Error(reason));
    };
    const send = () => {
      sent = performance.now();
      socket.send(message);
    };
    socket.onopen = send;
    socket.onmessage = ({ data }) => {
      if (data !== message) return fail('the echo is not what was sent');
      answered(performance.now() - sent);
      if (--left > 0) return send();
      clearTimeout(timer);
      socket.onclose = () => resolve();
      socket.close();
    };
    socket.onerror = () => fail('the connection failed');
    socket.onclose = () => fail('the connection was closed');
  });
}

/** Ping-pong over WebSocket: the rate can't be fixed. */
export async function websocketLoad(
  { url, load, connections, amount, patience }: LoadRequest,
  size: number,
  latencies: Latencies,
): Promise<LoadResult> {
  const begin = performance.now();
  let answers = 0;
  let first = 0;
  let last = 0;
  const each = Math.max(1, Math.floor(amount / connections));
  const target = url.replace(/^http/, 'ws') + load.path;
  const ends = await Promise.allSettled(
    Array.from({ length: connections }, () =>
      connection(target, size, each, patience, ms => {
        last = performance.now();
        if (answers++ === 0) first = last - ms;
        latencies.record(ms, 0);
      }),
    ),
  );
  const failed = ends.filter(end => end.status === 'rejected');
  return {
    answers,
    seconds: (last - first) / 1000,
    errors: failed.length,
    error: failed.length === 0 ? '' : String(failed[0]!.reason.message),
    late: failed.length > 0 && performance.now() - begin >= patience * 1000,
  };
}
