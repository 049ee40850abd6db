import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Scenario } from '../../src/bench/scenario.ts';
import { BASIC_AUTH, HANDLER, HEADERS, RUST, SECURITY_HEADERS, weir, weirWith } from './weir.ts';

/** A filter that answers instead of the upstream; the request never leaves Weir. */
export function localResponse(): Scenario {
  return {
    name: 'local-response',
    title: 'A filter answers (401 from basic-auth)',
    targets: [weir('no filter'), weir('basic-auth', [BASIC_AUTH])],
    cases: [
      { name: 'no filter', target: 'no filter', load: { path: '/' } },
      { name: 'answered by basic-auth', target: 'basic-auth', load: { path: '/', expect: [401] } },
    ],
  };
}

/** A VM for each request. */
export function isolation(): Scenario {
  const load = { path: '/', headers: HEADERS };
  return {
    name: 'isolation',
    title: 'isolation: request, against one VM for all',
    targets: [
      weir('no filter'),
      weir('shared', [RUST]),
      weir('request', [{ ...RUST, isolation: 'request' }]),
      weir('request, C', [{ module: SECURITY_HEADERS, isolation: 'request' }]),
    ],
    cases: [
      { name: 'no filter', target: 'no filter', load },
      { name: 'isolation: shared, Rust', target: 'shared', load, filters: 1 },
      { name: 'isolation: request, Rust', target: 'request', load, filters: 1 },
      { name: 'isolation: request, C', target: 'request, C', load, filters: 1 },
    ],
  };
}

/** A wasi:http component that forwards what it gets. */
export function handler(): Scenario {
  const load = { path: '/' };
  return {
    name: 'wasi-http',
    title: 'A wasi:http component in front of the upstream',
    targets: [weir('no filter'), weir('http-greeter', [{ module: HANDLER }])],
    cases: [
      { name: 'no filter', target: 'no filter', load },
      { name: 'http-greeter forwards', target: 'http-greeter', load, filters: 1 },
    ],
  };
}

/** WebSocket: filters see the handshake, the messages pass by them. */
export function websocket(): Scenario {
  const small = { path: '/', websocket: 64 };
  const large = { path: '/', websocket: 16 * 1024 };
  const proxy = new URL('../targets/http-proxy.ts', import.meta.url);
  return {
    name: 'websocket',
    title: 'WebSocket echo',
    unit: 'message',
    targets: [
      { name: 'http-proxy alone', script: proxy },
      weir('no filter'),
      weir('1 Rust header filter', [RUST]),
      { name: 'upstream directly (its own CPU)', script: null },
    ],
    cases: [
      { name: 'http-proxy alone, 64 B', target: 'http-proxy alone', load: small },
      { name: 'weir, 64 B', target: 'no filter', load: small },
      { name: 'weir, 1 Rust header filter, 64 B', target: '1 Rust header filter', load: small },
      {
        name: 'upstream directly (its own CPU), 64 B',
        target: 'upstream directly (its own CPU)',
        load: small,
      },
      { name: 'http-proxy alone, 16 KiB', target: 'http-proxy alone', load: large },
      { name: 'weir, 16 KiB', target: 'no filter', load: large, base: 'http-proxy alone, 16 KiB' },
    ],
  };
}

const MANY = 1000;

/** 1,000 modules of different bytes, of which 32 are kept compiled, asked for by Zipf's law. */
export function manyFilters(): Scenario {
  const directory = mkdtempSync(join(tmpdir(), 'weir-modules-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const bytes = readFileSync(SECURITY_HEADERS);
  const names = Array.from({ length: MANY }, (_, i) => `f${i}`);
  for (const name of names) {
    // A custom section with a name of its own.
    const text = Buffer.from(name.padEnd(8));
    const section = Buffer.concat([Buffer.from([0, text.length + 1, text.length]), text]);
    writeFileSync(join(directory, `${name}.wasm`), Buffer.concat([bytes, section]));
  }
  const many = (name: string, cache: object, used: boolean) =>
    weirWith(name, {
      workers: 1,
      listeners: [
        {
          address: '127.0.0.1:0',
          routes: names.map((filter, i) => ({
            match: { path: { exact: `/f/${i}` } },
            upstream: 'app',
            filters: used ? [filter] : [],
          })),
        },
      ],
      upstreams: { app: { endpoints: ['UPSTREAM'] } },
      filters: Object.fromEntries(
        names.map(name => [name, { module: join(directory, `${name}.wasm`), preload: false }]),
      ),
      modules: { cache },
    });
  const load = { path: '/f', zipf: MANY };
  return {
    name: 'many-filters',
    title: '1,000 filters, Zipf load',
    rate: 500,
    targets: [
      many('1,000 routes, no filters', {}, false),
      many('all kept', { maxModules: MANY, maxVms: MANY }, true),
      many('32 kept', { maxModules: 32, maxVms: 32 }, true),
    ],
    cases: [
      { name: '1,000 routes, no filters', target: '1,000 routes, no filters', load },
      { name: '1,000 filters, all kept', target: 'all kept', load },
      { name: '1,000 filters, 32 kept', target: '32 kept', load },
    ],
  };
}
