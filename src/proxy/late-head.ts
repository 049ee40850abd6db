/** Holds back a head that node:http will send with the first bytes of the body. */
export interface HeadHolder {
  /** Sends the head, if nothing has yet. */
  sendLateHead(): void;
}

let waiting: HeadHolder[] = [];

/**
 * Lets the head go without a body that isn't there once all that has arrived is handled: a body that came along with
 * its head still shares its write. One immediate serves all heads of an event loop turn.
 */
export function sendHeadSoon(holder: HeadHolder): void {
  if (waiting.push(holder) === 1) setImmediate(sendHeads);
}

function sendHeads(): void {
  const holders = waiting;
  waiting = [];
  for (const holder of holders) holder.sendLateHead();
}
