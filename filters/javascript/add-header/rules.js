/** What the configuration asks for: read once, applied to every exchange. */

import { append, remove, set } from 'weir:filter/headers@0.1.0';
import { log } from 'weir:filter/logging@0.1.0';

/** @typedef {{name: string, value: Uint8Array}} Header */

/** The headers of one direction. */
export class Changes {
  /** @type {string[]} */
  remove = [];
  /** @type {Header[]} */
  set = [];
  /** @type {Header[]} */
  add = [];

  get isEmpty() {
    return this.remove.length + this.set.length + this.add.length === 0;
  }

  /** @param {'request-headers' | 'response-headers'} map */
  apply(map) {
    for (const name of this.remove) attempt('remove', name, () => remove(map, name));
    for (const { name, value } of this.set) attempt('set', name, () => set(map, name, value));
    for (const { name, value } of this.add) attempt('add', name, () => append(map, name, value));
  }
}

/** A host may refuse a header; that is no reason to fail. An `err` of the host is thrown here. */
function attempt(what, name, call) {
  try {
    call();
  } catch {
    if (what !== 'remove') log('warn', `add-header: the host refused to ${what} ${name}`);
  }
}

/** Why a configuration is refused. */
export class Wrong extends Error {}

export class Rules {
  request = new Changes();
  response = new Changes();

  /** @param {Uint8Array} bytes */
  static parse(bytes) {
    if (bytes.length === 0) throw new Wrong('there is none; a JSON object is needed');
    let json;
    try {
      json = JSON.parse(fromUtf8(bytes));
    } catch (error) {
      throw new Wrong(`not JSON: ${error.message}`);
    }
    const object = expect(json, '', 'an object', 'a JSON object');
    return 'header' in object || 'value' in object ? Rules.#short(object) : Rules.#long(object);
  }

  /** `{"header": "x-hello", "value": "weir"}`: that header, both ways. */
  static #short(object) {
    only(object, '', ['header', 'value']);
    if (!has(object, 'header')) throw new Wrong('header: a header name is needed');
    const text = expect(object.header, 'header', 'a string');
    const value = has(object, 'value') ? headerValue(object.value, 'value') : utf8('weir');
    const rules = new Rules();
    rules.request.set.push({ name: headerName(text, 'header'), value });
    rules.response = rules.request;
    return rules;
  }

  static #long(object) {
    only(object, '', ['request', 'response', 'header', 'value']);
    const rules = new Rules();
    for (const direction of ['request', 'response']) {
      if (has(object, direction)) rules[direction] = readChanges(object[direction], direction);
    }
    if (rules.request.isEmpty && rules.response.isEmpty) {
      throw new Wrong('nothing to do: neither request nor response has a header to set, add or remove');
    }
    return rules;
  }
}

function readChanges(found, path) {
  const object = expect(found, path, 'an object');
  only(object, path, ['set', 'add', 'remove']);
  const changes = new Changes();
  if (has(object, 'remove')) {
    const place = `${path}.remove`;
    for (const [i, name] of expect(object.remove, place, 'an array').entries()) {
      changes.remove.push(headerName(expect(name, `${place}.${i}`, 'a string'), place));
    }
  }
  for (const key of ['set', 'add']) {
    if (has(object, key)) changes[key] = readHeaders(object[key], `${path}.${key}`, key === 'add');
  }
  return changes;
}

/** `{"name": "value"}`; with `lists` a value may be a list. */
function readHeaders(found, path, lists) {
  const object = expect(found, path, 'an object');
  return Object.keys(object)
    .sort()
    .flatMap(key => {
      const name = headerName(key, path);
      const values = lists && Array.isArray(object[key]) ? object[key] : [object[key]];
      return values.map(value => ({ name, value: headerValue(value, `${path}.${key}`) }));
    });
}

/** Refuses keys that nothing reads: a typing mistake must not pass in silence. */
function only(object, path, known) {
  const unknown = Object.keys(object)
    .sort()
    .find(key => !known.includes(key));
  if (unknown === undefined) return;
  throw new Wrong(`${path === '' ? '' : `${path}.`}${unknown}: unknown key; known are ${known.join(', ')}`);
}

function has(object, key) {
  return Object.hasOwn(object, key) && object[key] !== null;
}

function kindOf(value) {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function expect(value, place, kind, wanted = kind) {
  if (kindOf(value) === kind) return value;
  throw new Wrong(`${place === '' ? '' : `${place}: `}${wanted} is needed, not ${kindOf(value)}`);
}

/** In lower case. */
function headerName(text, place) {
  if (/^[\w!#$%&'*+\-.^`|~]+$/.test(text)) return text.toLowerCase();
  throw new Wrong(`${place}: ${JSON.stringify(text)} is not a header name`);
}

/** As bytes; no control characters but tab, which no host has a reason to refuse. */
function headerValue(found, place) {
  const text = expect(found, place, 'a string');
  for (const char of text) {
    const isControl = (char < ' ' && char !== '\t') || char === '\x7f';
    if (isControl) throw new Wrong(`${place}: control characters in a header value`);
  }
  return utf8(text);
}

// Not TextEncoder and TextDecoder: StarlingMonkey has them, QuickJS does not.

function utf8(text) {
  try {
    return Uint8Array.from(unescape(encodeURIComponent(text)), char => char.charCodeAt(0));
  } catch {
    throw new Wrong('not JSON: half of a surrogate pair');
  }
}

/** Throws when the bytes are not UTF-8. */
function fromUtf8(bytes) {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return decodeURIComponent(escape(text));
}
