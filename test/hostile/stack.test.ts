import { describe } from 'node:test';
import { hostile, refused } from './expect.ts';

const HEADERS = 'proxy_on_request_headers';
const message = /call stack/;
const trap = { code: 'GUEST_TRAP', callback: HEADERS, message } as const;

/** Guests whose stack ends in their own code: the host is whole, and open goes past them. */
const OWN = [
  ['recursion', 'recurse', 'deeper'],
  ['recursion through a table', 'recurse-indirect', 'deeper'],
  ['recursion with large frames', 'recurse-wide', 'deeper'],
] as const;

/** Guests whose stack may end in the host's code, with half of its work done. */
const HOST = [
  ['recursion with a log line on every level', 'recurse-log', 'deeper'],
  ['recursion with a new header field on every level', 'recurse-add', 'deeper'],
  ['recursion with new header fields on every level', 'recurse-set-pairs', 'deeper'],
  ['recursion of the allocator through a hostcall', 'recurse-allocator', 'allocate'],
] as const;

describe('recursion without end', () => {
  for (const [title, guest, frame] of [...OWN, ...HOST]) {
    const filter = HOST.some(([t]) => t === title) ? { limits: { callTime: '500ms' } } : {};
    hostile(title, { guest, filter }, { status: 503, kind: 'trap', report: { ...trap, frame } });
  }
  for (const [title, guest, frame] of OWN) {
    const filter = { onFailure: 'open' } as const;
    hostile(
      `${title}, open: requests go past it`,
      { guest, filter },
      { status: 200, kind: 'trap', report: { ...trap, frame } },
    );
  }
  for (const [title, guest, frame] of HOST) {
    const filter = { onFailure: 'open', limits: { callTime: '500ms' } } as const;
    // Where exactly the stack ends is the machine's to say: past it only when the host is known to be whole.
    hostile(
      `${title}, open`,
      { guest, filter },
      { status: [200, 503], kind: 'trap', report: { ...trap, frame } },
    );
  }

  const post = { method: 'POST', body: 'some body' };
  hostile(
    'recursion with a change of the body on every level',
    { guest: 'recurse-body', filter: { limits: { callTime: '500ms' } }, request: post },
    {
      status: 503,
      kind: 'trap',
      report: { code: 'GUEST_TRAP', callback: 'proxy_on_request_body', frame: 'deeper' },
    },
  );

  hostile(
    'recursion that catches everything on every level: the end of the stack is no exception',
    { guest: 'recurse-catch' },
    { status: 503, kind: 'trap', report: { ...trap, frame: 'deeper' } },
  );
  hostile(
    'recursion that catches what leaves the host, and goes on: it dies of it all the same',
    { guest: 'recurse-catch-host', filter: { limits: { callTime: '500ms' } } },
    { status: 503, kind: 'trap', report: trap },
  );
  // evil calls the function behind it, and that one evil: 400 KB of locals each time.
  const frames = {
    locals: [[49_990, 0x7e]],
    body: [0x10, 3],
    functions: [[0x41, 0, 0x41, 0, 0x41, 0, 0x10, 0, 0x1a]],
  } as const;
  hostile(
    'recursion with frames of 400 KB',
    { guest: frames },
    { status: 503, kind: 'trap', report: { ...trap, frame: 'evil' } },
  );
  refused('recursion in the start section', { guest: 'recurse-start' }, /call stack/);
});
