import assert from 'node:assert/strict';
import { loadConfigText } from '../../src/config/load.ts';
import { ConfigError, formatIssue } from '../../src/errors.ts';

/** Relative modules in test texts start here; `package.json` stands in for a module where one has to exist. */
export const directory = new URL('../../', import.meta.url).pathname;
const file = `${directory}test.yaml`;

export function load(text: string) {
  return loadConfigText(text, file);
}

/** Every fault as `line:column: path: message (remedy)`; empty when there is none. */
export function faultsOf(text: string): string[] {
  try {
    load(text);
    return [];
  } catch (error) {
    assert.ok(
      error instanceof ConfigError,
      `not a ConfigError: ${error instanceof Error ? error.stack : error}`,
    );
    assert.equal(error.code, 'CONFIG_INVALID');
    assert.equal(error.message, error.issues.map(formatIssue).join('\n'));
    return error.issues.map(issue => formatIssue(issue).replace(`${file}:`, ''));
  }
}

/** A complete configuration around some lines of its own, which begin at line 1. */
export function around(lines: string): string {
  const has = (key: string): boolean => new RegExp(`^${key}:`, 'm').test(lines);
  const listeners = 'listeners: [{address: "127.0.0.1:8080", routes: [{upstream: app}]}]';
  const upstreams = 'upstreams: {app: {endpoints: ["builtin:echo"]}}';
  return [lines, has('listeners') ? '' : listeners, has('upstreams') ? '' : upstreams].join('\n');
}

/** The same for a route's own keys, in flow style: they begin at 1:58. */
export function route(keys: string): string {
  return around(`listeners: [{address: "127.0.0.1:8080", routes: [{upstream: app, ${keys}}]}]`);
}

/** The same for a filter's own keys, in flow style: they begin at 1:38. */
export function filter(keys: string): string {
  return around(`filters: {f: {module: package.json, ${keys}}}`);
}
