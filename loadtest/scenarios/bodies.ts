import type { Load } from '../../src/bench/messages.ts';
import type { Case, Scenario } from '../../src/bench/scenario.ts';
import { REWRITE, RUST, weir } from './weir.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZES: readonly (readonly [string, number])[] = [
  ['1 KiB', KIB],
  ['64 KiB', 64 * KIB],
  ['1 MiB', MIB],
  ['64 MiB', 64 * MIB],
];

/** Holds each body whole, and one of 64 MiB takes longer than a callback has by default. */
const limits = { memory: '1GiB', bufferedBody: '80MiB', callTime: '30s', pauseTime: '120s' };
const rules = [{ pattern: 'internal\\.example', replacement: 'www.example.com' }];
const rewrite = {
  module: REWRITE,
  config: { response: rules, request: rules, maxBodyBytes: 80 * MIB },
  limits,
};

/** Bodies of all sizes each way: past filters that look at headers only, and through one that rewrites them. */
export function bodies(): Scenario {
  const targets = [
    weir('no filter'),
    weir('pass-through, 1 Rust header filter', [RUST]),
    weir('rewrite', [rewrite]),
  ];
  const cases: Case[] = [];
  for (const [text, size] of SIZES) {
    const large = size > MIB ? { connections: 2 } : size === MIB ? { connections: 8 } : {};
    const loads: readonly (readonly [string, Load])[] = [
      ['download', { path: `/bytes/${size}`, ...large }],
      [
        'upload',
        { path: '/', method: 'POST', bodySize: size, headers: { 'content-type': 'text/plain' }, ...large },
      ],
    ];
    for (const [way, load] of loads) {
      for (const { name } of targets) {
        cases.push({
          name: `${way} ${text}, ${name}`,
          target: name,
          load,
          base: `${way} ${text}, no filter`,
          filters: name === 'no filter' ? 0 : 1,
        });
      }
    }
  }
  return { name: 'bodies', title: 'Bodies', targets, cases };
}
