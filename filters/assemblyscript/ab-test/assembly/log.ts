import { LogLevelValues } from '@gcoredev/proxy-wasm-sdk-as/assembly';
import { proxy_log } from '@gcoredev/proxy-wasm-sdk-as/assembly/imports';

/** With its level; the SDK's own `log` writes everything to standard output, which a host logs at one level. */
export function log(level: LogLevelValues, message: string): void {
  const text = String.UTF8.encode('ab-test: ' + message);
  proxy_log(level, changetype<usize>(text), text.byteLength);
}

/** What the compiler calls before it traps; `use` in asconfig.json names it. */
// @ts-ignore: decorator
@global
function log_abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const place = (file ? file : '') + ':' + line.toString() + ':' + column.toString();
  log(LogLevelValues.critical, (message ? message : 'abort') + ' at ' + place);
}
