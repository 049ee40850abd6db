import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TcpPluginChain } from '../../src/chain/tcp-chain.ts';
import type { TcpExchange } from '../../src/chain/tcp-types.ts';
import { GuestError } from '../../src/errors.ts';
import {
  DOWNSTREAM,
  type Side,
  type TcpFilterContext,
  type TcpStream,
  UPSTREAM,
} from '../../src/plugin/tcp.ts';
import type { Plugin } from '../../src/plugin/types.ts';
import { settle } from '../support/guest.ts';
import { GuestLog } from '../support/guest-log.ts';

type Action = 'continue' | 'pause' | 'resume and pause' | 'die';

/** A filter that changes nothing and stops as it is told; with `die` its VM ends, and it is skipped. */
class Stopper implements TcpFilterContext {
  readonly name = 'stopper';
  readonly stream: TcpStream;
  readonly #actions: Action[];
  dead = false;

  constructor(stream: TcpStream, actions: Action[]) {
    this.stream = stream;
    this.#actions = actions;
  }

  #act(from: Side): boolean {
    assert.equal(this.dead, false, 'a dead filter was called');
    const action = this.#actions.shift() ?? 'continue';
    if (action === 'die') {
      this.dead = true;
      throw new GuestError('GUEST_TRAP', this.name, 'callback', 'trap');
    }
    if (action === 'resume and pause') this.stream.resume(this, from);
    return action === 'continue';
  }

  onNewConnection(): boolean {
    return this.#act(DOWNSTREAM);
  }

  onData(from: Side): boolean {
    return this.#act(from);
  }

  onResume(): void {}
  onClose(): void {}
  finish(): void {}
}

const phases = {
  newConnection: true,
  downstreamData: true,
  downstreamClose: true,
  upstreamData: true,
  upstreamClose: true,
};

const action = fc.constantFrom<Action>('continue', 'pause', 'pause', 'resume and pause', 'die');
const filter = fc.record({
  actions: fc.array(action, { maxLength: 12 }),
  data: fc.constantFrom(...[true, true, false]),
});
const step = fc.oneof(
  fc.record({ from: fc.constantFrom(DOWNSTREAM, UPSTREAM), size: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ resume: fc.nat({ max: 3 }), from: fc.constantFrom(DOWNSTREAM, UPSTREAM) }),
);

test('whatever filters stop, resume or die of: every byte arrives once, in order, and then the end', async () => {
  const run = fc.asyncProperty(
    fc.array(filter, { maxLength: 4 }),
    fc.array(step, { maxLength: 30 }),
    fc.nat({ max: 1 }),
    async (filters, steps, last) => {
      const contexts: Stopper[] = [];
      const log = new GuestLog();
      const plugins = filters.map(
        ({ actions, data }, i): Plugin => ({
          name: `f${i}`,
          phases: {} as Plugin['phases'],
          seenChanging: [false, false],
          bufferedBody: 64,
          pauseTime: 60_000,
          failOpen: true,
          skipped() {},
          hit() {},
          open: () => assert.fail(),
          close() {},
          tcp: { ...phases, downstreamData: data, upstreamData: data },
          openTcp(stream) {
            const context = new Stopper(stream, [...actions]);
            contexts.push(context);
            return context;
          },
        }),
      );
      const out: [string, string] = ['', ''];
      const ends = [0, 0];
      const paused = [false, false];
      let connected = 0;
      const exchange = {
        connect: () => connected++,
        send(from: Side, chunk: Buffer, end: boolean) {
          assert.equal(connected, 1, 'data before the connection');
          assert.equal(ends[from], 0, 'data after the end');
          assert.ok(chunk.length > 0 || end);
          out[from] += chunk.toString('latin1');
          if (end) ends[from]!++;
        },
        pause(from: Side, on: boolean) {
          assert.notEqual(paused[from], on);
          paused[from] = on;
        },
        close: () => assert.fail('closed'),
        fail: ({ details }: { details: string }) => assert.fail(details),
      } as unknown as TcpExchange;
      const stream = new TcpPluginChain(plugins, log).open(exchange);
      const sent: [string, string] = ['', ''];
      let next = 0;
      const feed = (from: Side, size: number, end: boolean) => {
        // Nothing comes from an upstream that isn't connected.
        if (from === UPSTREAM && connected === 0) return;
        const text = Array.from({ length: size }, () => String.fromCharCode(33 + (next++ % 90))).join('');
        sent[from] += text;
        stream.onData(from, Buffer.from(text, 'latin1'), end);
      };
      stream.onNewConnection();
      for (const each of steps) {
        if ('size' in each) {
          if (!paused[each.from]) feed(each.from, each.size, false);
        } else {
          const context = contexts[each.resume];
          if (context?.dead === false) context.stream.resume(context, each.from);
        }
        await settle();
      }
      const resumeAll = async () => {
        for (let i = 0; i < 20; i++) {
          for (const from of [DOWNSTREAM, UPSTREAM] as const)
            for (const context of contexts) if (!context.dead) context.stream.resume(context, from);
          await settle();
        }
      };
      await resumeAll();
      assert.equal(connected, 1);
      assert.deepEqual(paused, [false, false]);
      for (const from of [DOWNSTREAM, UPSTREAM] as const) feed(from, last, true);
      await settle();
      await resumeAll();
      assert.deepEqual(out, sent);
      assert.deepEqual(ends, [1, 1]);
      stream.finish();
    },
  );
  await fc.assert(run, { numRuns: 400 });
});
