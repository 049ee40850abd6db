/** The value of a metric in Prometheus' text; 0 when it isn't there. `name` with its labels, as it stands. */
export function metric(text: string, name: string): number {
  const line = text.split('\n').find(l => l.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}
