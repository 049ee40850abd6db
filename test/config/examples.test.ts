import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Running, repository, weir } from '../cli/command.ts';

const examples = readdirSync(`${repository}config`).filter(name => name.endsWith('.yaml'));

for (const name of examples) {
  test(`config/${name} passes weir check`, async () => {
    const { code, stderr } = await weir(['check', `config/${name}`]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  });

  test(`config/${name} starts, answers and stops`, async () => {
    await using running = new Running(['run', `config/${name}`, '--port', '0']);
    const url = await running.url();
    const response = await fetch(url);
    const body = await response.text();
    // Every example sends / to the built-in echo, which answers with what arrived.
    assert.equal(response.status, 200, body);
    assert.equal((JSON.parse(body) as { method: string }).method, 'GET');
    const { code, stderr } = await running.stop();
    assert.equal(code, 0, stderr);
    for (const line of stderr.trimEnd().split('\n')) {
      assert.ok(!/^(error|fatal)$/.test((JSON.parse(line) as { level: string }).level), line);
    }
  });
}
