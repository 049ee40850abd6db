/** Just enough JSON to read a configuration. Nothing here aborts: what is wrong stands in `Parser.error`. */

export enum Kind {
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
}

export class Json {
  constructor(public kind: Kind) {}
  boolean: bool = false;
  number: f64 = 0;
  string: string = '';
  /** An object's keys; `items` has the value of each at the same place. */
  keys: string[] = [];
  items: Json[] = [];
}

const MAX_DEPTH = 16;

export class Parser {
  private at: i32 = 0;
  error: string = '';

  constructor(private text: string) {}

  /** The whole text as one value. Look at `error` first. */
  parse(): Json {
    const value = this.value(0);
    if (this.error == '' && this.next() != 0) this.fail('something follows the JSON value');
    return value;
  }

  private fail(reason: string): Json {
    if (this.error == '') this.error = reason + ' at character ' + this.at.toString();
    return new Json(Kind.Null);
  }

  /** The next character that is no white space, 0 at the end. */
  private next(): i32 {
    while (this.at < this.text.length) {
      const c = this.text.charCodeAt(this.at);
      if (c != 0x20 && c != 0x09 && c != 0x0a && c != 0x0d) return c == 0 ? 1 : c;
      this.at++;
    }
    return 0;
  }

  private take(c: i32): bool {
    if (this.next() != c) return false;
    this.at++;
    return true;
  }

  private value(depth: i32): Json {
    const c = this.next();
    if (c == 0x22) return this.string();
    if (c == 0x7b || c == 0x5b) return this.container(c == 0x7b, depth);
    if (c == 0x2d || (c >= 0x30 && c <= 0x39)) return this.number();
    if (this.word('true') || this.word('false')) {
      const value = new Json(Kind.Boolean);
      value.boolean = c == 0x74;
      return value;
    }
    return this.word('null') ? new Json(Kind.Null) : this.fail('no JSON value');
  }

  private word(word: string): bool {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private container(object: bool, depth: i32): Json {
    if (depth == MAX_DEPTH) return this.fail('nested too deeply');
    const value = new Json(object ? Kind.Object : Kind.Array);
    const close = object ? 0x7d : 0x5d;
    this.at++;
    if (this.take(close)) return value;
    do {
      if (object) {
        if (this.next() != 0x22) return this.fail('a key in quotes is missing');
        value.keys.push(this.string().string);
        if (!this.take(0x3a)) return this.fail('a colon is missing');
      }
      value.items.push(this.value(depth + 1));
      if (this.error != '') return value;
    } while (this.take(0x2c));
    return this.take(close) ? value : this.fail('a comma or a closing bracket is missing');
  }

  private digits(): bool {
    const start = this.at;
    while (this.at < this.text.length) {
      const c = this.text.charCodeAt(this.at);
      if (c < 0x30 || c > 0x39) break;
      this.at++;
    }
    return this.at > start;
  }

  private number(): Json {
    const start = this.at;
    this.word('-');
    const zero = this.text.startsWith('0', this.at);
    const whole = this.at;
    if (!this.digits() || (zero && this.at - whole > 1)) return this.fail('a wrong number');
    if (this.word('.') && !this.digits()) return this.fail('a wrong number');
    if (this.word('e') || this.word('E')) {
      if (!this.word('-')) this.word('+');
      if (!this.digits()) return this.fail('a wrong number');
    }
    const value = new Json(Kind.Number);
    value.number = parseFloat(this.text.substring(start, this.at));
    return value;
  }

  private string(): Json {
    const value = new Json(Kind.String);
    let start = ++this.at;
    for (; this.at < this.text.length; this.at++) {
      const c = this.text.charCodeAt(this.at);
      if (c < 0x20) return this.fail('a control character in a string');
      if (c != 0x22 && c != 0x5c) continue;
      value.string += this.text.substring(start, this.at);
      if (c == 0x22) {
        this.at++;
        return value;
      }
      const escaped = this.escape();
      if (escaped < 0) return this.fail('a wrong escape');
      value.string += String.fromCharCode(escaped);
      start = this.at + 1;
    }
    return this.fail('a string without an end');
  }

  /** From the backslash to the escape's last character: the code unit it stands for, or -1. */
  private escape(): i32 {
    this.at++;
    if (this.at >= this.text.length) return -1;
    const c = this.text.charCodeAt(this.at);
    if (c == 0x75) {
      const digits = this.text.substring(this.at + 1, this.at + 5);
      if (digits.length < 4) return -1;
      let unit = 0;
      for (let i = 0; i < 4; i++) {
        const d = digits.charCodeAt(i) | 0x20;
        const isLetter = d >= 0x61 && d <= 0x66;
        if (!isLetter && (d < 0x30 || d > 0x39)) return -1;
        unit = unit * 16 + (isLetter ? d - 0x57 : d - 0x30);
      }
      this.at += 4;
      return unit;
    }
    const place = '"\\/bfnrt'.indexOf(String.fromCharCode(c));
    return place < 0 ? -1 : '"\\/\b\f\n\r\t'.charCodeAt(place);
  }
}
