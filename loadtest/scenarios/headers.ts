import type { Case, Scenario, Target } from '../../src/bench/scenario.ts';
import { COMPONENTS, HEADERS, type HeaderFilter, MODULES, repeat, weir } from './weir.ts';

const LENGTHS = [1, 3, 10];

function chains(name: string, title: string, filters: readonly HeaderFilter[]): Scenario {
  const load = { path: '/', headers: HEADERS };
  const targets: Target[] = [weir('no filter')];
  const cases: Case[] = [{ name: 'no filter', target: 'no filter', load }];
  for (const { name: series, filter } of filters) {
    for (const length of LENGTHS) {
      const target = weir(`${length} x ${series}`, repeat(filter, length));
      targets.push(target);
      cases.push({ name: target.name, target: target.name, load, filters: length, series });
    }
  }
  return { name, title, targets, cases };
}

/** 1, 3 and 10 filters of each language. */
export const modules = () => chains('modules', 'Header filters as Proxy-Wasm modules', MODULES);
export const components = () => chains('components', 'Header filters as components', COMPONENTS);

/** The same filter, in the same language, as one and as the other. */
export const kinds = () =>
  chains('kinds', 'Module and component, the same filter in Rust', [MODULES[0]!, COMPONENTS[0]!]);
