/*
 * json.h: just enough JSON to read a filter's configuration, for C and C++.
 *
 * json_parse checks the whole text once. What it returns is a view into that text (nothing is copied), and reading
 * it cannot fail any more: members and items are walked with json_next, strings are decoded with json_string.
 *
 * Apache-2.0, part of Weir.
 */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include "proxy_wasm.h"

typedef enum { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

/* A value: where its text starts. Arrays and objects are walked from there. */
typedef struct {
  const char *at;
} json_value;

enum { JSON_MAX_DEPTH = 16 };

typedef struct {
  const char *at;
  const char *end;
  const char *error;
} json_cursor;

static inline bool json_fail(json_cursor *c, const char *error) {
  if (c->error == NULL) c->error = error;
  return false;
}

static inline const char *json_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

static inline bool json_take(json_cursor *c, char wanted) {
  c->at = json_space(c->at, c->end);
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

/* Four hexadecimal digits, or -1. */
static inline int json_hex4(const char *at, const char *end) {
  int value = 0;
  if (end - at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = at[i];
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/* After the opening quote; stops after the closing one. */
static inline bool json_check_string(json_cursor *c) {
  for (; c->at < c->end; c->at++) {
    unsigned char byte = (unsigned char)*c->at;
    if (byte == '"') {
      c->at++;
      return true;
    }
    if (byte < 0x20) return json_fail(c, "a control character in a string");
    if (byte != '\\') continue;
    if (++c->at == c->end) break;
    if (*c->at == 'u') {
      int unit = json_hex4(c->at + 1, c->end);
      if (unit < 0) return json_fail(c, "a wrong \\u escape");
      c->at += 4;
      if (unit >= 0xd800 && unit <= 0xdfff) {
        bool more = c->end - c->at > 6 && c->at[1] == '\\' && c->at[2] == 'u';
        int low = more ? json_hex4(c->at + 3, c->end) : -1;
        if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) return json_fail(c, "half of a surrogate pair");
        c->at += 6;
      }
    } else if (!pw_one_of(*c->at, "\"\\/bfnrt")) {
      return json_fail(c, "an unknown escape");
    }
  }
  return json_fail(c, "a string without an end");
}

static inline bool json_digits(json_cursor *c) {
  const char *start = c->at;
  while (c->at < c->end && *c->at >= '0' && *c->at <= '9') c->at++;
  return c->at > start;
}

static inline bool json_check_number(json_cursor *c) {
  if (c->at < c->end && *c->at == '-') c->at++;
  bool zero = c->at < c->end && *c->at == '0';
  const char *start = c->at;
  if (!json_digits(c) || (zero && c->at - start > 1)) return json_fail(c, "a wrong number");
  if (c->at < c->end && *c->at == '.') {
    c->at++;
    if (!json_digits(c)) return json_fail(c, "a wrong number");
  }
  if (c->at < c->end && (*c->at | 32) == 'e') {
    c->at++;
    if (c->at < c->end && (*c->at == '+' || *c->at == '-')) c->at++;
    if (!json_digits(c)) return json_fail(c, "a wrong number");
  }
  return true;
}

static inline bool json_check_word(json_cursor *c, const char *word) {
  size_t size = strlen(word);
  if ((size_t)(c->end - c->at) < size || memcmp(c->at, word, size) != 0) return json_fail(c, "no JSON value");
  c->at += size;
  return true;
}

static bool json_check(json_cursor *c, int depth) {
  c->at = json_space(c->at, c->end);
  if (c->at == c->end) return json_fail(c, "a value is missing");
  switch (*c->at) {
    case '"':
      c->at++;
      return json_check_string(c);
    case 't':
      return json_check_word(c, "true");
    case 'f':
      return json_check_word(c, "false");
    case 'n':
      return json_check_word(c, "null");
    case '[':
    case '{':
      break;
    default:
      return json_check_number(c);
  }
  bool object = *c->at++ == '{';
  if (depth == JSON_MAX_DEPTH) return json_fail(c, "nested too deeply");
  if (json_take(c, object ? '}' : ']')) return true;
  do {
    if (object) {
      if (!json_take(c, '"')) return json_fail(c, "a key in quotes is missing");
      if (!json_check_string(c)) return false;
      if (!json_take(c, ':')) return json_fail(c, "a colon is missing");
    }
    if (!json_check(c, depth + 1)) return false;
  } while (json_take(c, ','));
  if (json_take(c, object ? '}' : ']')) return true;
  return json_fail(c, object ? "a comma or } is missing" : "a comma or ] is missing");
}

/* Null when the text is one JSON value, else what is wrong. The text must outlive the value. */
static inline const char *json_parse(pw_bytes text, json_value *value) {
  json_cursor c = {text.data, text.data + text.size, NULL};
  value->at = json_space(text.data, text.data + text.size);
  if (!json_check(&c, 0)) return c.error;
  return json_space(c.at, c.end) == c.end ? NULL : "something follows the JSON value";
}

static inline json_kind json_kind_of(json_value value) {
  switch (*value.at) {
    case '{':
      return JSON_OBJECT;
    case '[':
      return JSON_ARRAY;
    case '"':
      return JSON_STRING;
    case 't':
    case 'f':
      return JSON_BOOLEAN;
    case 'n':
      return JSON_NULL;
    default:
      return JSON_NUMBER;
  }
}

static inline bool json_is_true(json_value value) { return *value.at == 't'; }

/* The text was checked: from here on reading needs no bounds, every value ends inside its parent. */
static inline const char *json_skip_space(const char *at) {
  while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
  return at;
}

static inline const char *json_skip_string(const char *at) {
  for (at++; *at != '"'; at++) {
    if (*at == '\\') at++;
  }
  return at + 1;
}

static inline const char *json_skip(const char *at) {
  int depth = 0;
  do {
    if (*at == '"') {
      at = json_skip_string(at);
      continue;
    }
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') depth--;
    at++;
  } while (depth > 0);
  return at;
}

/*
 * Walks an object or an array:
 *   json_value key, item;
 *   for (json_walk walk = json_open(object); json_next(&walk, &key, &item);) ...
 * `key` is left alone in an array.
 */
typedef struct {
  const char *at;
  bool object;
} json_walk;

static inline json_walk json_open(json_value container) {
  json_walk walk = {container.at + 1, *container.at == '{'};
  return walk;
}

static inline bool json_next(json_walk *walk, json_value *key, json_value *item) {
  const char *at = json_skip_space(walk->at);
  if (*at == ',') at = json_skip_space(at + 1);
  if (*at == '}' || *at == ']') return false;
  if (walk->object) {
    key->at = at;
    at = json_skip_space(json_skip_string(at)) + 1;
    at = json_skip_space(at);
  }
  item->at = at;
  if (*at == '{' || *at == '[' || *at == '"') {
    walk->at = json_skip(at);
  } else {
    while (*at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\t' && *at != '\n' && *at != '\r') at++;
    walk->at = at;
  }
  return true;
}

static inline char *json_put_utf8(char *to, unsigned code) {
  if (code < 0x80) {
    *to++ = (char)code;
  } else if (code < 0x800) {
    *to++ = (char)(0xc0 | code >> 6);
    *to++ = (char)(0x80 | (code & 63));
  } else if (code < 0x10000) {
    *to++ = (char)(0xe0 | code >> 12);
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  } else {
    *to++ = (char)(0xf0 | code >> 18);
    *to++ = (char)(0x80 | (code >> 12 & 63));
    *to++ = (char)(0x80 | (code >> 6 & 63));
    *to++ = (char)(0x80 | (code & 63));
  }
  return to;
}

/* A string (or a key) without its quotes and escapes, in memory of its own. Null data: out of memory. Free it. */
static inline pw_bytes json_string(json_value value) {
  const char *at = value.at + 1, *end = json_skip_string(value.at) - 1;
  char *text = (char *)malloc((size_t)(end - at) + 1), *to = text;
  pw_bytes result = {text, 0};
  if (text == NULL) return result;
  while (at < end) {
    if (*at != '\\') {
      *to++ = *at++;
      continue;
    }
    const char *escapes = "b\bf\fn\nr\rt\t";
    char kind = at[1];
    at += 2;
    if (kind == 'u') {
      unsigned code = (unsigned)json_hex4(at, end);
      at += 4;
      if (code >= 0xd800 && code <= 0xdbff) {
        code = 0x10000 + ((code - 0xd800) << 10) + ((unsigned)json_hex4(at + 2, end) - 0xdc00);
        at += 6;
      }
      to = json_put_utf8(to, code);
    } else {
      while (*escapes != 0 && *escapes != kind) escapes += 2;
      *to++ = *escapes != 0 ? escapes[1] : kind;
    }
  }
  *to = 0;
  result.size = (size_t)(to - text);
  return result;
}

#endif
