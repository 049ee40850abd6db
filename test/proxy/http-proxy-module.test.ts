import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

const SCRIPT = `
  import { startProxy } from './test/support/proxy.ts';
  import { get } from './test/support/raw-client.ts';
  import { openWebSocket } from './test/support/websocket.ts';
  const proxy = await startProxy('http-proxy', { endpoints: ['echo'] });
  const response = await get(proxy.port, '/');
  const { client, response: upgrade } = await openWebSocket(proxy.port);
  client.close();
  await proxy.close();
  console.log(response.status, upgrade.status, typeof (await import('node:util')).default._extend);
`;

describe('http-proxy', () => {
  it('prints no warning, at load or per request, and leaves util as it was', async () => {
    const args = ['--input-type=module', '--eval', SCRIPT];
    const { stdout, stderr } = await run(process.execPath, args, { cwd: new URL('../..', import.meta.url) });
    assert.equal(stdout, '200 101 function\n');
    assert.equal(stderr, '');
  });
});
