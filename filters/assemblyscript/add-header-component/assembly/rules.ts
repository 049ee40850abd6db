/** What the configuration asks for: read once, applied to every exchange. */

import { Json, Kind, Parser } from '../../ab-test/assembly/json';
import { append, log, LogLevel, MapType, remove, set } from './abi';

class Header {
  /** UTF-8, as the host wants them. */
  name: ArrayBuffer;
  value: ArrayBuffer;

  constructor(
    private text: string,
    value: string,
  ) {
    this.name = String.UTF8.encode(text);
    this.value = String.UTF8.encode(value);
  }

  warn(what: string): void {
    log(LogLevel.Warn, 'add-header: the host refused to ' + what + ' ' + this.text);
  }
}

class Changes {
  remove: Header[] = [];
  set: Header[] = [];
  add: Header[] = [];

  isEmpty(): bool {
    return this.remove.length + this.set.length + this.add.length == 0;
  }

  apply(map: MapType): void {
    for (let i = 0; i < this.remove.length; i++) remove(map, this.remove[i].name);
    for (let i = 0; i < this.set.length; i++) {
      if (!set(map, this.set[i].name, this.set[i].value)) this.set[i].warn('set');
    }
    for (let i = 0; i < this.add.length; i++) {
      if (!append(map, this.add[i].name, this.add[i].value)) this.add[i].warn('add');
    }
  }
}

export class Rules {
  request: Changes = new Changes();
  response: Changes = new Changes();
  /** What is wrong with the configuration, or the empty string. */
  error: string = '';

  static parse(bytes: ArrayBuffer): Rules {
    const rules = new Rules();
    if (bytes.byteLength == 0) return rules.fail('there is none; a JSON object is needed');
    const parser = new Parser(String.UTF8.decode(bytes));
    const json = parser.parse();
    if (parser.error != '') return rules.fail('not JSON: ' + parser.error);
    if (json.kind != Kind.Object) return rules.wrong('', 'a JSON object', json);
    if (json.keys.includes('header') || json.keys.includes('value')) rules.readShort(json);
    else rules.readLong(json);
    return rules;
  }

  private fail(reason: string): Rules {
    if (this.error == '') this.error = reason;
    return this;
  }

  private wrong(place: string, wanted: string, found: Json): Rules {
    return this.fail((place == '' ? '' : place + ': ') + wanted + ' is needed, not ' + kindOf(found));
  }

  /** Refuses keys that nothing reads: a typing mistake must not pass in silence. */
  private only(object: Json, path: string, known: string[]): void {
    const order = sorted(object);
    for (let i = 0; i < order.length; i++) {
      const key = object.keys[order[i]];
      if (!known.includes(key)) this.fail(at(path, key) + ': unknown key; known are ' + known.join(', '));
    }
  }

  /** {"header": "x-hello", "value": "weir"}: that header, both ways. */
  private readShort(json: Json): void {
    this.only(json, '', ['header', 'value']);
    const header = member(json, 'header');
    if (!header) {
      this.fail('header: a header name is needed');
    } else if (header.kind != Kind.String) {
      this.wrong('header', 'a string', header);
    } else {
      const found = member(json, 'value');
      const value = found ? this.value(found, 'value') : 'weir';
      const set = new Header(this.name(header.string, 'header'), value);
      this.request.set.push(set);
      this.response.set.push(set);
    }
  }

  private readLong(json: Json): void {
    this.only(json, '', ['request', 'response', 'header', 'value']);
    this.readChanges(this.request, json, 'request');
    this.readChanges(this.response, json, 'response');
    if (this.request.isEmpty() && this.response.isEmpty()) {
      this.fail('nothing to do: neither request nor response has a header to set, add or remove');
    }
  }

  private readChanges(changes: Changes, json: Json, key: string): void {
    const object = this.object(json, '', key);
    if (!object) return;
    this.only(object, key, ['set', 'add', 'remove']);
    const names = member(object, 'remove');
    const place = at(key, 'remove');
    if (names && names.kind != Kind.Array) {
      this.wrong(place, 'an array', names);
    } else if (names) {
      for (let i = 0; i < names.items.length; i++) {
        const name = names.items[i];
        if (name.kind != Kind.String) this.wrong(at(place, i.toString()), 'a string', name);
        else changes.remove.push(new Header(this.name(name.string, place), ''));
      }
    }
    this.readHeaders(changes.set, object, key, 'set');
    this.readHeaders(changes.add, object, key, 'add');
  }

  /** {"name": "value"}; `add` makes sense with several values of one name, so a value may be a list. */
  private readHeaders(to: Header[], json: Json, path: string, key: string): void {
    const object = this.object(json, path, key);
    if (!object) return;
    const place = at(path, key);
    const order = sorted(object);
    for (let i = 0; i < order.length; i++) {
      const text = object.keys[order[i]];
      const value = object.items[order[i]];
      const name = this.name(text, place);
      if (value.kind == Kind.Array && key == 'add') {
        for (let k = 0; k < value.items.length; k++) {
          to.push(new Header(name, this.value(value.items[k], at(place, text))));
        }
      } else {
        to.push(new Header(name, this.value(value, at(place, text))));
      }
    }
  }

  private object(json: Json, path: string, key: string): Json | null {
    const found = member(json, key);
    if (!found || found.kind == Kind.Object) return found;
    this.wrong(at(path, key), 'an object', found);
    return null;
  }

  private name(text: string, place: string): string {
    if (!isName(text)) this.fail(place + ': "' + inOneLine(text) + '" is not a header name');
    return text.toLowerCase();
  }

  private value(found: Json, place: string): string {
    if (found.kind != Kind.String) this.wrong(place, 'a string', found);
    else if (!isValue(found.string)) this.fail(place + ': control characters in a header value');
    return found.string;
  }
}

function inOneLine(text: string): string {
  let line = '';
  for (let i = 0; i < text.length; i++) line += text.charCodeAt(i) < 0x20 ? '?' : text.charAt(i);
  return line;
}

function at(path: string, key: string): string {
  return path == '' ? key : path + '.' + key;
}

function kindOf(json: Json): string {
  const kinds: string[] = ['null', 'a boolean', 'a number', 'a string', 'an array', 'an object'];
  return kinds[json.kind];
}

/** What is there and not null. */
function member(object: Json, key: string): Json | null {
  const index = object.keys.lastIndexOf(key);
  return index < 0 || object.items[index].kind == Kind.Null ? null : object.items[index];
}

/** The indices of an object's members, in the order of the keys. */
function sorted(object: Json): i32[] {
  const order: i32[] = [];
  for (let i = 0; i < object.keys.length; i++) {
    let place = order.length;
    order.push(i);
    for (; place > 0 && object.keys[order[place - 1]] > object.keys[i]; place--) order[place] = order[place - 1];
    order[place] = i;
  }
  return order;
}

/** A header name as RFC 9110 has it: a token. */
function isName(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const alphanumeric = (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);
    if (!alphanumeric && !"!#$%&'*+-.^_`|~".includes(String.fromCharCode(c))) return false;
  }
  return text.length > 0;
}

/** No control characters but tab, which no host has a reason to refuse. */
function isValue(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if ((c < 0x20 && c != 0x09) || c == 0x7f) return false;
  }
  return true;
}
