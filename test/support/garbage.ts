import v8 from 'node:v8';
import vm from 'node:vm';

let gc: (() => void) | undefined;

/** Full collections, as `--expose-gc` gives them: what nobody holds is gone. */
export function collectGarbage(): void {
  if (gc === undefined) {
    v8.setFlagsFromString('--expose-gc');
    gc = vm.runInNewContext('gc') as () => void;
  }
  for (let i = 0; i < 3; i++) gc();
}
