/*
 * Puts security headers on every response and can remove headers that tell too much.
 *
 * Configuration (all optional): a key per header in the table below, with a string for its value or null (or false)
 * for "leave it out"; "remove": names of response headers to take away; "overwrite": false keeps what the
 * upstream sent.
 */
#define PROXY_WASM_IMPLEMENT
#include "../proxy_wasm.h"
#include "../json.h"
#include "../tiny_malloc.h"

enum { HEADERS = 9 };

static const struct {
  const char *name;
  const char *value; /* null: off unless configured */
} defaults[HEADERS] = {
    {"strict-transport-security", "max-age=31536000; includeSubDomains"},
    {"x-content-type-options", "nosniff"},
    {"x-frame-options", "SAMEORIGIN"},
    {"referrer-policy", "strict-origin-when-cross-origin"},
    {"permissions-policy", "camera=(), geolocation=(), microphone=()"},
    {"content-security-policy", NULL},
    {"cross-origin-opener-policy", NULL},
    {"cross-origin-resource-policy", NULL},
    {"cross-origin-embedder-policy", NULL},
};

typedef struct {
  pw_bytes value[HEADERS]; /* null data: off */
  pw_bytes *remove;
  uint32_t remove_count;
  bool keep;           /* what the upstream sent stays */
  uint32_t references; /* its root context and its streams */
} plugin;

static pw_contexts contexts; /* root and stream contexts, to the plugin they belong to */

static plugin *plugin_new(void) {
  plugin *p = calloc(1, sizeof(plugin));
  for (int i = 0; p != NULL && i < HEADERS; i++) {
    if (defaults[i].value != NULL) p->value[i] = pw_copy(pw_text(defaults[i].value));
  }
  return p;
}

static void plugin_empty(plugin *p) {
  for (int i = 0; i < HEADERS; i++) pw_free(p->value[i]);
  for (uint32_t i = 0; i < p->remove_count; i++) pw_free(p->remove[i]);
  free(p->remove);
}

/* ---- Configuration ---- */

static bool refuse(pw_bytes where, const char *why) {
  pw_log_parts(PROXY_ERROR, pw_text("security-headers: wrong configuration: "), where, pw_text(why));
  return false;
}

static bool read_remove(plugin *p, json_value list) {
  json_value item, unused;
  pw_bytes where = pw_text("remove");
  if (json_kind_of(list) != JSON_ARRAY) return refuse(where, ": an array of header names is needed");
  for (json_walk walk = json_open(list); json_next(&walk, &unused, &item);) {
    pw_bytes *longer = realloc(p->remove, (p->remove_count + 1) * sizeof(pw_bytes));
    if (longer == NULL) return refuse(where, ": out of memory");
    p->remove = longer;
    if (json_kind_of(item) != JSON_STRING) return refuse(where, ": an array of header names is needed");
    pw_bytes name = json_string(item);
    if (!pw_is_header_name(name)) {
      refuse(where, ": not a header name");
      pw_free(name);
      return false;
    }
    p->remove[p->remove_count++] = name;
  }
  return true;
}

static bool read_header(plugin *p, int header, pw_bytes name, json_value value) {
  json_kind kind = json_kind_of(value);
  bool off = kind == JSON_NULL || (kind == JSON_BOOLEAN && !json_is_true(value));
  if (!off && kind != JSON_STRING) return refuse(name, ": a string is needed, or null to leave it out");
  const pw_bytes nothing = {NULL, 0};
  pw_free(p->value[header]);
  p->value[header] = off ? nothing : json_string(value);
  if (pw_is_header_value(p->value[header])) return true;
  return refuse(name, ": control characters in a header value");
}

static bool read_member(plugin *p, pw_bytes key, json_value value) {
  for (int i = 0; i < HEADERS; i++) {
    if (pw_equal(key, pw_text(defaults[i].name))) return read_header(p, i, key, value);
  }
  if (pw_equal(key, pw_text("remove"))) return read_remove(p, value);
  if (pw_equal(key, pw_text("overwrite"))) {
    p->keep = !json_is_true(value);
    return json_kind_of(value) == JSON_BOOLEAN || refuse(key, ": true or false is needed");
  }
  return refuse(key, ": unknown key");
}

static bool read_configuration(plugin *p, pw_bytes text) {
  json_value all, key, value;
  const char *error = json_parse(text, &all);
  if (error != NULL) return refuse(pw_text("not JSON: "), error);
  if (json_kind_of(all) != JSON_OBJECT) return refuse(pw_text(""), "a JSON object is needed");
  for (json_walk walk = json_open(all); json_next(&walk, &key, &value);) {
    pw_bytes name = json_string(key);
    bool fine = read_member(p, name, value);
    pw_free(name);
    if (!fine) return false;
  }
  return true;
}

/* ---- Callbacks ---- */

PROXY_WASM_EXPORT(proxy_on_context_create)
void proxy_on_context_create(uint32_t context, uint32_t parent) {
  plugin *p = parent == 0 ? plugin_new() : pw_contexts_get(&contexts, parent);
  if (p != NULL && pw_contexts_put(&contexts, context, p)) p->references++;
}

PROXY_WASM_EXPORT(proxy_on_configure)
uint32_t proxy_on_configure(uint32_t root, size_t size) {
  plugin *p = pw_contexts_get(&contexts, root);
  if (p == NULL) return refuse(pw_text(""), "out of memory");
  if (size == 0) return true;
  plugin *next = plugin_new();
  pw_bytes text = pw_get_buffer(PROXY_PLUGIN_CONFIGURATION, 0, size);
  bool fine = next != NULL && text.data != NULL && read_configuration(next, text);
  pw_free(text);
  if (next == NULL) return false;
  if (fine) { /* streams point at p: what it holds is exchanged */
    plugin old = *p;
    *p = *next;
    p->references = old.references;
    *next = old;
  }
  plugin_empty(next);
  free(next);
  return fine;
}

PROXY_WASM_EXPORT(proxy_on_response_headers)
uint32_t proxy_on_response_headers(uint32_t context, size_t count, uint32_t end_of_stream) {
  (void)count, (void)end_of_stream;
  const plugin *p = pw_contexts_get(&contexts, context);
  if (p == NULL) return PROXY_CONTINUE;
  for (uint32_t i = 0; i < p->remove_count; i++) pw_remove_header(PROXY_HTTP_RESPONSE_HEADERS, p->remove[i]);
  for (int i = 0; i < HEADERS; i++) {
    pw_bytes name = pw_text(defaults[i].name);
    if (p->value[i].data == NULL || (p->keep && pw_has_header(PROXY_HTTP_RESPONSE_HEADERS, name))) continue;
    pw_set_header(PROXY_HTTP_RESPONSE_HEADERS, name, p->value[i]);
  }
  return PROXY_CONTINUE;
}

PROXY_WASM_EXPORT(proxy_on_delete)
void proxy_on_delete(uint32_t context) {
  plugin *p = pw_contexts_remove(&contexts, context);
  if (p == NULL || --p->references > 0) return;
  plugin_empty(p);
  free(p);
}
