import { Json, Kind, Parser } from './json';

export class Variant {
  constructor(
    public name: string,
    public weight: f64,
  ) {}
}

export class Config {
  cookie: string = 'ab';
  header: string = 'x-variant';
  variants: Variant[] = [];
  /** Seconds; 0: until the browser closes. */
  maxAge: i64 = 86400;
  /** What is wrong, or the empty string. */
  error: string = '';

  static parse(text: string): Config {
    const config = new Config();
    if (text == '') return config.fail('there is none; a JSON object with "variants" is needed');
    const parser = new Parser(text);
    const json = parser.parse();
    if (parser.error != '') return config.fail('not JSON: ' + parser.error);
    if (json.kind != Kind.Object) return config.fail('a JSON object is needed');
    for (let i = 0; i < json.keys.length; i++) config.read(json.keys[i], json.items[i]);
    if (config.error == '' && config.total() <= 0) {
      config.fail('variants: at least one with a weight above 0 is needed, for example {"a": 50, "b": 50}');
    }
    return config;
  }

  private fail(reason: string): Config {
    if (this.error == '') this.error = reason;
    return this;
  }

  private read(key: string, value: Json): void {
    if (key == 'cookie') {
      if (value.kind != Kind.String || !isToken(value.string)) this.fail('cookie: a cookie name is needed');
      this.cookie = value.string;
    } else if (key == 'header') {
      if (value.kind != Kind.String || !isToken(value.string)) this.fail('header: a header name is needed');
      this.header = value.string.toLowerCase();
    } else if (key == 'maxAge') {
      const whole = value.kind == Kind.Number && value.number >= 0 && Math.floor(value.number) == value.number;
      if (!whole || value.number > 1e10) this.fail('maxAge: a whole number of seconds is needed');
      else this.maxAge = <i64>value.number;
    } else if (key == 'variants') {
      this.readVariants(value);
    } else {
      this.fail(key + ': unknown key; known are cookie, header, maxAge, variants');
    }
  }

  private readVariants(value: Json): void {
    if (value.kind != Kind.Object) {
      this.fail('variants: an object of names and weights is needed');
      return;
    }
    for (let i = 0; i < value.keys.length; i++) {
      const name = value.keys[i];
      const weight = value.items[i];
      if (!isToken(name)) {
        this.fail('variants: "' + name + '" is no name for a variant (letters, digits, - _ . only)');
      }
      if (weight.kind != Kind.Number || !(weight.number >= 0) || weight.number > 1e9) {
        this.fail('variants.' + name + ': a weight of 0 or more is needed');
      }
      this.variants.push(new Variant(name, weight.number));
    }
  }

  private total(): f64 {
    let total: f64 = 0;
    for (let i = 0; i < this.variants.length; i++) total += this.variants[i].weight;
    return total;
  }

  /** A variant by weight; `random` is in [0, 1). */
  choose(random: f64): string {
    let left = random * this.total();
    let last = '';
    for (let i = 0; i < this.variants.length; i++) {
      const variant = this.variants[i];
      if (variant.weight == 0) continue;
      last = variant.name;
      left -= variant.weight;
      if (left < 0) break;
    }
    return last;
  }

  /** A variant with weight 0 gets no newcomers, but who has it keeps it. */
  has(name: string): bool {
    for (let i = 0; i < this.variants.length; i++) {
      if (this.variants[i].name == name) return true;
    }
    return false;
  }
}

/** Fit for a cookie, a header name and a header value without any quoting. */
function isToken(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const alphanumeric = (c >= 0x30 && c <= 0x39) || ((c | 0x20) >= 0x61 && (c | 0x20) <= 0x7a);
    if (!alphanumeric && c != 0x2d && c != 0x2e && c != 0x5f) return false;
  }
  return text.length > 0 && text.length <= 256;
}
