import type { Ready, Start, Usage } from './messages.ts';

/**
 * The life of a target's process: `start` gets its upstream's URL and returns its own once it listens; then the
 * process answers what it has used, until its parent lets go of it.
 */
export function serveTarget(
  start: (upstream: string, input: unknown) => Promise<string>,
  usage: () => Usage = ownUsage,
): void {
  process.once('message', async ({ upstream, input }: Start) => {
    try {
      process.send!({ url: await start(upstream, input) } satisfies Ready);
    } catch (error) {
      // Its parent sees it end, and has said whose it is.
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    }
    process.on('message', () => process.send!(usage()));
  });
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C is for the parent, which lets go of this process.
  process.on('SIGINT', () => {});
}

function ownUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return {
    cpu: user + system,
    rss: process.memoryUsage.rss(),
    // libuv has it in KiB on every system.
    peak: process.resourceUsage().maxRSS * 1024,
  };
}
