#include "rules.h"

#include <string.h>

static const pw_bytes no_bytes = {NULL, 0};

/* ---- Texts ---- */

static pw_bytes join(const pw_bytes *parts, size_t count) {
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += parts[i].size;
  char *text = malloc(size + 1), *to = text;
  if (text == NULL) return no_bytes;
  for (size_t i = 0; i < count; i++) {
    if (parts[i].size > 0) memcpy(to, parts[i].data, parts[i].size);
    to += parts[i].size;
  }
  *to = 0;
  return (pw_bytes){text, size};
}

/* Where something stands: request.set */
static pw_bytes at(pw_bytes path, pw_bytes key) {
  const pw_bytes parts[] = {path, pw_text("."), key};
  return path.size == 0 ? pw_copy(key) : join(parts, 3);
}

static bool fail(rules *r, pw_bytes where, const char *why, pw_bytes more) {
  const pw_bytes parts[] = {where, pw_text(where.size == 0 ? "" : ": "), pw_text(why), more};
  if (r->error == NULL) r->error = (char *)join(parts, 4).data;
  return false;
}

static bool fail_key(rules *r, pw_bytes path, pw_bytes key, const char *why, const char *more) {
  pw_bytes where = at(path, key);
  fail(r, where, why, pw_text(more));
  pw_free(where);
  return false;
}

static bool wrong(rules *r, pw_bytes path, pw_bytes key, const char *wanted, json_value found) {
  static const char *const kinds[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return fail_key(r, path, key, wanted, kinds[json_kind_of(found)]);
}

/* ---- Objects: their members in the order of their keys ---- */

typedef struct {
  pw_bytes key;
  json_value value;
} member;

typedef struct {
  member *items;
  size_t count;
} members;

static int compare(pw_bytes a, pw_bytes b) {
  int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

static void members_free(members m) {
  for (size_t i = 0; i < m.count; i++) pw_free(m.items[i].key);
  free(m.items);
}

static bool members_of(rules *r, json_value object, members *m) {
  json_value key, value;
  *m = (members){NULL, 0};
  size_t count = 0;
  for (json_walk walk = json_open(object); json_next(&walk, &key, &value);) count++;
  m->items = calloc(count + 1, sizeof(member));
  if (m->items == NULL) return fail(r, no_bytes, "out of memory", no_bytes);
  for (json_walk walk = json_open(object); json_next(&walk, &key, &value);) {
    member new = {json_string(key), value};
    if (new.key.data == NULL) return fail(r, no_bytes, "out of memory", no_bytes);
    size_t place = m->count++;
    for (; place > 0 && compare(m->items[place - 1].key, new.key) > 0; place--) {
      m->items[place] = m->items[place - 1];
    }
    m->items[place] = new;
  }
  return true;
}

static json_value *find(members m, const char *key) {
  for (size_t i = 0; i < m.count; i++) {
    if (pw_equal(m.items[i].key, pw_text(key))) return &m.items[i].value;
  }
  return NULL;
}

/* Refuses keys that nothing reads: a typing mistake must not pass in silence. */
static bool only(rules *r, members m, pw_bytes path, const char *const *known, const char *names) {
  for (size_t i = 0; i < m.count; i++) {
    const char *const *one = known;
    while (*one != NULL && !pw_equal(m.items[i].key, pw_text(*one))) one++;
    if (*one == NULL) return fail_key(r, path, m.items[i].key, "unknown key; known are ", names);
  }
  return true;
}

/* ---- Headers ---- */

static void put(headers *list, pw_bytes name, pw_bytes value) {
  list->items[list->count++] = (header){name, value};
}

static bool room(rules *r, headers *list, size_t count) {
  list->items = calloc(count + 1, sizeof(header));
  return list->items != NULL || fail(r, no_bytes, "out of memory", no_bytes);
}

static void headers_free(headers list) {
  for (size_t i = 0; i < list.count; i++) {
    pw_free(list.items[i].name);
    pw_free(list.items[i].value);
  }
  free(list.items);
}

/* A copy in lower case. */
static bool header_name(rules *r, pw_bytes text, pw_bytes place, pw_bytes *name) {
  const pw_bytes said[] = {pw_text("\""), text, pw_text("\" is not a header name")};
  if (!pw_is_header_name(text)) {
    pw_bytes message = join(said, 3);
    /* In one line, whatever the name is. */
    for (char *c = (char *)message.data; c != NULL && *c != 0; c++) {
      if ((unsigned char)*c < ' ') *c = '?';
    }
    fail(r, place, "", message);
    pw_free(message);
    return false;
  }
  char *copy = malloc(text.size);
  if (copy == NULL) return fail(r, no_bytes, "out of memory", no_bytes);
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    copy[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
  }
  *name = (pw_bytes){copy, text.size};
  return true;
}

static bool header_value(rules *r, json_value found, pw_bytes path, pw_bytes key, pw_bytes *value) {
  if (json_kind_of(found) != JSON_STRING) return wrong(r, path, key, "a string is needed, not ", found);
  *value = json_string(found);
  if (value->data == NULL) return fail(r, no_bytes, "out of memory", no_bytes);
  if (pw_is_header_value(*value)) return true;
  pw_free(*value);
  return fail_key(r, path, key, "control characters in a header value", "");
}

static bool read_one(rules *r, headers *list, pw_bytes path, pw_bytes key, json_value found) {
  pw_bytes name, value;
  if (!header_name(r, key, path, &name)) return false;
  if (!header_value(r, found, path, key, &value)) {
    pw_free(name);
    return false;
  }
  put(list, name, value);
  return true;
}

/* {"name": "value"}; with `lists` a value may be a list. */
static bool read_members(rules *r, headers *list, pw_bytes path, members m, bool lists) {
  json_value unused, one;
  size_t count = 0;
  for (size_t i = 0; i < m.count; i++) {
    count++;
    if (json_kind_of(m.items[i].value) != JSON_ARRAY) continue;
    for (json_walk walk = json_open(m.items[i].value); json_next(&walk, &unused, &one);) count++;
  }
  if (!room(r, list, count)) return false;
  for (size_t i = 0; i < m.count; i++) {
    pw_bytes key = m.items[i].key, name;
    if (!lists || json_kind_of(m.items[i].value) != JSON_ARRAY) {
      if (!read_one(r, list, path, key, m.items[i].value)) return false;
      continue;
    }
    if (!header_name(r, key, path, &name)) return false; /* of an empty list too */
    pw_free(name);
    for (json_walk walk = json_open(m.items[i].value); json_next(&walk, &unused, &one);) {
      if (!read_one(r, list, path, key, one)) return false;
    }
  }
  return true;
}

static bool read_headers(rules *r, headers *list, members from, pw_bytes path, const char *key) {
  json_value *found = find(from, key);
  if (found == NULL || json_kind_of(*found) == JSON_NULL) return true;
  if (json_kind_of(*found) != JSON_OBJECT) return wrong(r, path, pw_text(key), "an object is needed, not ", *found);
  members m;
  pw_bytes place = at(path, pw_text(key));
  bool ok = members_of(r, *found, &m) && read_members(r, list, place, m, strcmp(key, "add") == 0);
  members_free(m);
  pw_free(place);
  return ok;
}

static pw_bytes decimal(size_t number, char text[12]) {
  char *to = text + 12;
  do *--to = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  return (pw_bytes){to, (size_t)(text + 12 - to)};
}

static bool read_remove(rules *r, headers *list, members from, pw_bytes path) {
  json_value *found = find(from, "remove"), unused, one;
  if (found == NULL || json_kind_of(*found) == JSON_NULL) return true;
  pw_bytes key = pw_text("remove");
  if (json_kind_of(*found) != JSON_ARRAY) return wrong(r, path, key, "an array is needed, not ", *found);
  size_t count = 0;
  for (json_walk walk = json_open(*found); json_next(&walk, &unused, &one);) count++;
  if (!room(r, list, count)) return false;
  pw_bytes place = at(path, key), name;
  bool ok = true;
  for (json_walk walk = json_open(*found); ok && json_next(&walk, &unused, &one);) {
    if (json_kind_of(one) != JSON_STRING) {
      char index[12];
      ok = wrong(r, place, decimal(list->count, index), "a string is needed, not ", one);
      continue;
    }
    pw_bytes text = json_string(one);
    ok = header_name(r, text, place, &name);
    if (ok) put(list, name, no_bytes);
    pw_free(text);
  }
  pw_free(place);
  return ok;
}

/* ---- The whole ---- */

static bool read_changes(rules *r, changes *c, members from, const char *key) {
  static const char *const known[] = {"set", "add", "remove", NULL};
  json_value *found = find(from, key);
  pw_bytes path = pw_text(key);
  if (found == NULL || json_kind_of(*found) == JSON_NULL) return true;
  if (json_kind_of(*found) != JSON_OBJECT) return wrong(r, no_bytes, path, "an object is needed, not ", *found);
  members m;
  bool ok = members_of(r, *found, &m) && only(r, m, path, known, "set, add, remove") &&
            read_remove(r, &c->remove, m, path) && read_headers(r, &c->set, m, path, "set") &&
            read_headers(r, &c->add, m, path, "add");
  members_free(m);
  return ok;
}

/* {"header": "x-hello", "value": "weir"}: that header, both ways. */
static bool read_short(rules *r, members m) {
  static const char *const known[] = {"header", "value", NULL};
  if (!only(r, m, no_bytes, known, "header, value")) return false;
  json_value *header = find(m, "header"), *found = find(m, "value");
  pw_bytes key = pw_text("header"), name, value = no_bytes;
  if (header == NULL || json_kind_of(*header) == JSON_NULL) {
    return fail(r, key, "a header name is needed", no_bytes);
  }
  if (json_kind_of(*header) != JSON_STRING) return wrong(r, no_bytes, key, "a string is needed, not ", *header);
  bool is_default = found == NULL || json_kind_of(*found) == JSON_NULL;
  if (!is_default && !header_value(r, *found, no_bytes, pw_text("value"), &value)) return false;
  pw_bytes text = json_string(*header);
  bool ok = header_name(r, text, key, &name) && room(r, &r->request.set, 1);
  pw_free(text);
  if (!ok) return false;
  put(&r->request.set, name, is_default ? pw_copy(pw_text("weir")) : value);
  r->twice = true;
  return true;
}

static size_t size_of(const changes *c) { return c->remove.count + c->set.count + c->add.count; }

static bool read_long(rules *r, members m) {
  static const char *const known[] = {"request", "response", "header", "value", NULL};
  if (!only(r, m, no_bytes, known, "request, response, header, value")) return false;
  if (!read_changes(r, &r->request, m, "request") || !read_changes(r, &r->response, m, "response")) return false;
  if (size_of(&r->request) + size_of(&r->response) > 0) return true;
  const char *why = "nothing to do: neither request nor response has a header to set, add or remove";
  return fail(r, no_bytes, why, no_bytes);
}

bool rules_read(rules *r, pw_bytes configuration) {
  json_value value;
  if (configuration.size == 0) return fail(r, no_bytes, "there is none; a JSON object is needed", no_bytes);
  const char *error = json_parse(configuration, &value);
  if (error != NULL) return fail(r, pw_text("not JSON"), error, no_bytes);
  if (json_kind_of(value) != JSON_OBJECT) return wrong(r, no_bytes, no_bytes, "a JSON object is needed, not ", value);
  members m;
  bool ok = members_of(r, value, &m);
  bool is_short = ok && (find(m, "header") != NULL || find(m, "value") != NULL);
  ok = ok && (is_short ? read_short(r, m) : read_long(r, m));
  members_free(m);
  return ok;
}

rules *rules_new(void) { return calloc(1, sizeof(rules)); }

void rules_free(rules *r) {
  if (r == NULL) return;
  headers_free(r->request.remove);
  headers_free(r->request.set);
  headers_free(r->request.add);
  headers_free(r->response.remove);
  headers_free(r->response.set);
  headers_free(r->response.add);
  free(r->error);
  free(r);
}
