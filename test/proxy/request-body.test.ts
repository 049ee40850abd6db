import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { RequestBody } from '../../src/proxy/request-body.ts';

function make(length = -1) {
  const events: string[] = [];
  const body = new RequestBody(length, { bodyWanted: () => events.push('wanted') });
  body.on('data', (chunk: Buffer) => events.push(chunk.toString()));
  body.on('end', () => events.push('end'));
  return { body, events };
}

describe('request body', () => {
  it('holds what is written until it is read', async () => {
    const { body, events } = make();
    assert.equal(body.write(Buffer.from('a')), false);
    assert.equal(body.started, false);
    body.resume();
    assert.deepEqual(events, [], 'nothing from within resume');
    assert.equal(body.write(Buffer.from('+')), false);
    await turn();
    assert.deepEqual(events, ['a', '+', 'wanted']);
    assert.equal(body.started, true);
    assert.equal(body.write(Buffer.from('b')), true);
    body.end();
    body.end();
    assert.deepEqual(events, ['a', '+', 'wanted', 'b', 'end']);
  });

  it('stops in the middle of what it holds', async () => {
    const { body, events } = make();
    body.write(Buffer.from('a'));
    body.write(Buffer.from('b'));
    body.end(['x', '1']);
    body.once('data', () => body.pause());
    body.resume();
    await turn();
    assert.deepEqual(events, ['a']);
    body.resume();
    await turn();
    assert.deepEqual(events, ['a', 'b', 'end']);
    assert.deepEqual(body.trailers, ['x', '1']);
  });

  it('takes and drops everything once destroyed', async () => {
    const { body, events } = make();
    body.write(Buffer.from('a'));
    body.destroy();
    assert.deepEqual(events, ['wanted']);
    assert.equal(body.write(Buffer.from('b')), true);
    body.end();
    body.resume();
    await turn();
    assert.deepEqual(events, ['wanted']);
  });

  it('emits nothing it held when destroyed right after resume', async () => {
    const { body, events } = make();
    body.write(Buffer.from('a'));
    body.end();
    body.resume();
    body.destroy();
    await turn();
    assert.deepEqual(events, []);
  });
});
