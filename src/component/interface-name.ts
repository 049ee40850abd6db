/** `acme:auth/verifier` of `acme:auth/verifier@0.1.0`. */
export function withoutVersion(name: string): string {
  return name.replace(/@.*$/s, '');
}

/** `0.1.0` of `acme:auth/verifier@0.1.0`; empty without one. */
export function versionOf(name: string): string {
  return /@(.*)$/s.exec(name)?.[1] ?? '';
}

/**
 * Whether an export can be handed to an import: the same name, and a version of the same track (0.0.z: itself, 0.y, x)
 * that isn't older. Versions with a label (`-rc.1`) only fit themselves.
 */
export function fits(imported: string, exported: string): boolean {
  if (imported === exported) return true;
  if (withoutVersion(imported) !== withoutVersion(exported)) return false;
  const [wanted, given] = [numbers(versionOf(imported)), numbers(versionOf(exported))];
  if (wanted === undefined || given === undefined) return false;
  const track = wanted.findIndex(number => number !== 0);
  for (let place = 0; place < 3; place++) {
    const difference = given[place]! - wanted[place]!;
    if (difference !== 0) return track !== -1 && place > track && difference > 0;
  }
  return true;
}

/** What follows a + says nothing of what fits. */
function numbers(version: string): number[] | undefined {
  const parts = /^([0-9]{1,9})\.([0-9]{1,9})\.([0-9]{1,9})(?:\+.*)?$/s.exec(version);
  return parts?.slice(1).map(Number);
}
