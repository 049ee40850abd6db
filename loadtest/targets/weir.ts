/** Weir with the named filter modules in its chain: `weir.ts UPSTREAM TRANSPORT [MODULE …]`. */
import { pino } from 'pino';
import { loadConfigText } from '../../src/config/load.ts';
import { startWeir } from '../../src/runtime/weir.ts';
import { serveBenchmark } from './target.ts';

const [upstream, transport, ...modules] = process.argv.slice(2);
const config = {
  request: { set: { 'x-request-filter': '1' } },
  response: { set: { 'x-response-filter': '1' } },
};
const yaml = JSON.stringify({
  listeners: [
    { address: '127.0.0.1:0', routes: [{ upstream: 'app', filters: modules.map((_, i) => `filter-${i}`) }] },
  ],
  upstreams: { app: { endpoints: [upstream], transport } },
  filters: Object.fromEntries(
    // A wasi:http component has no way to read a configuration.
    modules.map((module, i) => [`filter-${i}`, { module, ...(module.includes('add-header') && { config }) }]),
  ),
  log: { level: 'error' },
});
const weir = await startWeir(loadConfigText(yaml, 'loadtest/weir.yaml'), pino({ level: 'error' }));
serveBenchmark(weir.addresses[0]!.url);
