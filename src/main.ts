#!/usr/bin/env node
// No static imports: an older Node has to get as far as this message before it meets anything newer.
const oldest = 24;

if (Number(process.versions.node.split('.')[0]) < oldest) {
  process.stderr.write(
    `weir: needs Node ${oldest} or newer, and this is Node ${process.versions.node} (${process.execPath})\n`,
  );
  process.exitCode = 1;
} else {
  const { main } = await import('./cli/program.ts');
  process.exitCode = await main(process.argv.slice(2));
}

export {};
