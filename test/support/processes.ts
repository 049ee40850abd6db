import { readFile } from 'node:fs/promises';

/** Command lines of the child processes of this one; nothing where there is no /proc. */
export async function processes(): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  const pids = children.trim().split(' ').filter(Boolean);
  return Promise.all(
    pids.map(async pid => (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')),
  );
}
