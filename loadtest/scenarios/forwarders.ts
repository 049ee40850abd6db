import type { Scenario } from '../../src/bench/scenario.ts';
import { HEADERS, RUST, repeat, weir } from './weir.ts';

const script = (name: string) => new URL(`../targets/${name}.ts`, import.meta.url);

/** The yardstick, and what is measured with it. */
const ours = () => [
  { name: 'bare node:http + undici', script: script('bare-undici') },
  weir('weir, no filter'),
  weir('weir, 1 Rust header filter', [RUST]),
  weir('weir, 10 Rust header filters', repeat(RUST, 10)),
];

/** What a request costs without filters, here and elsewhere. `nginx`: it can be measured. */
export function forwarders(nginx: boolean): Scenario {
  const load = { path: '/', headers: HEADERS };
  const targets = [
    ...ours(),
    weir('weir, transport http-proxy', [], 'http-proxy'),
    weir('weir, transport http-proxy, 1 Rust header filter', [RUST], 'http-proxy'),
    { name: 'http-proxy alone', script: script('http-proxy') },
    { name: 'httpxy', script: script('httpxy') },
    { name: '@fastify/http-proxy', script: script('fastify') },
    ...(nginx ? [{ name: 'nginx', script: script('nginx') }] : []),
    { name: 'upstream directly (its own CPU)', script: null },
  ];
  return {
    name: 'forwarders',
    title: 'Forwarding a small request',
    targets,
    cases: targets.map(({ name }) => ({ name, target: name, load })),
  };
}

/** The same at a rate that none of them is busy with: what a client waits for. */
export function fixedRate(rate: number): Scenario {
  const load = { path: '/', headers: HEADERS };
  const targets = [
    ...ours(),
    { name: 'http-proxy alone', script: script('http-proxy') },
    { name: 'upstream directly (its own CPU)', script: null },
  ];
  return {
    name: 'fixed-rate',
    title: `Latency at ${rate} requests per second`,
    rate,
    targets,
    cases: targets.map(({ name }) => ({ name, target: name, load })),
  };
}
