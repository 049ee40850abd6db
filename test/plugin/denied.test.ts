import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_SERVICES } from '../../src/plugin/no-services.ts';
import { PluginState } from '../../src/plugin/state.ts';
import { pluginOptions } from '../support/guest.ts';
import { GuestLog } from '../support/guest-log.ts';

test('what is denied is told once each, with what would allow it, or that nothing would', () => {
  const log = new GuestLog();
  const state = new PluginState(pluginOptions(), log, NO_SERVICES);
  for (let times = 0; times < 2; times++) {
    state.denied('look up a', 'capabilities.tcp: ["a:443"]');
    state.denied('make a UDP socket', '');
  }
  assert.deepEqual(log.texts, [
    'warn denied: look up a (capabilities.tcp: ["a:443"] would allow it)',
    'warn denied: make a UDP socket (nothing would allow it)',
  ]);
});
