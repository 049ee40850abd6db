import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rig } from '../support/guest.ts';
import { Drive } from '../support/guest-exchange.ts';

test('properties can be read while a root context is created', async () => {
  // The C++ SDK asks for plugin_root_id there, to find the factory.
  const found: unknown[] = [];
  const r = await rig({
    proxy_on_context_create: p => {
      found.push(p.property('plugin_root_id'));
    },
  });
  r.start({ rootId: 'my root' });
  assert.deepEqual(found, [Buffer.from('my root')]);
});

test('properties of the stream can be read while its context is created', async () => {
  const found: unknown[] = [];
  const r = await rig({
    proxy_on_context_create: (p, _id, parent) => {
      if (parent !== 0) found.push(p.property('request\0path'), p.property('plugin_name'));
    },
  });
  new Drive(r.chain()).headers(true).finish();
  assert.deepEqual(found, [Buffer.from('/'), Buffer.from('puppet')]);
});

test('maps, buffers and configuration are not available while a context is created', async () => {
  const found: unknown[] = [];
  const r = await rig({
    proxy_on_context_create: p => {
      found.push(p.header(0, 'a'), p.setHeader(0, 'a', 'b'), p.body(0), p.body(6), p.body(7));
      found.push(p.call('proxy_done'));
    },
  });
  new Drive(r.chain()).headers(true).finish();
  const once = [2, 2, 1, 1, 1, 1];
  assert.deepEqual(found, [...once, ...once]);
  assert.equal(r.puppets.length, 1);
});
