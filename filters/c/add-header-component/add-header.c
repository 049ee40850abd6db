/* add-header as a component: sets, adds and removes headers of requests and responses. README.md has the keys. */
#include "header_filter.h"
#include "rules.h"
#include "../tiny_malloc.h"

/* The generated code wants to pull the world in by this name; here the build puts it in. */
void __component_type_object_force_link_header_filter(void) {}

/* The generator's names, made shorter. */
#define EXPORT(name) exports_weir_filter_http_headers_##name
typedef EXPORT(borrow_plugin_context_t) plugin;
typedef EXPORT(borrow_http_context_t) exchange;
typedef EXPORT(action_t) action;

/* The rules, and who uses them: the plugin context and its streams. */
struct EXPORT(plugin_context_t) {
  rules *rules;
  uint32_t references;
};

/* A stream knows nothing but its plugin. */
struct EXPORT(http_context_t) {
  plugin plugin;
};

static void release(plugin p) {
  if (--p->references > 0) return;
  rules_free(p->rules);
  free(p);
}

/* ---- The plugin ---- */

EXPORT(own_plugin_context_t) EXPORT(constructor_plugin_context)(void) {
  plugin p = calloc(1, sizeof(*p));
  if (p == NULL) __builtin_trap();
  p->references = 1;
  p->rules = rules_new();
  if (p->rules == NULL) __builtin_trap();
  return EXPORT(plugin_context_new)(p);
}

bool EXPORT(method_plugin_context_on_vm_start)(plugin p, header_filter_list_u8_t *bytes, header_filter_string_t *error) {
  (void)p, (void)error;
  header_filter_list_u8_free(bytes);
  return true;
}

bool EXPORT(method_plugin_context_on_configure)(plugin p, header_filter_list_u8_t *bytes,
                                                header_filter_string_t *error) {
  rules *new = rules_new();
  if (new == NULL) __builtin_trap();
  bool ok = rules_read(new, (pw_bytes){(const char *)bytes->ptr, bytes->len});
  header_filter_list_u8_free(bytes);
  if (ok) {
    rules_free(p->rules);
    p->rules = new;
    return true;
  }
  static const char prefix[] = "wrong configuration: ";
  const char *reason = new->error != NULL ? new->error : "out of memory";
  error->len = sizeof prefix - 1 + strlen(reason);
  error->ptr = malloc(error->len);
  if (error->ptr == NULL) __builtin_trap();
  memcpy(error->ptr, prefix, sizeof prefix - 1);
  memcpy(error->ptr + sizeof prefix - 1, reason, strlen(reason));
  rules_free(new);
  return false;
}

EXPORT(own_http_context_t) EXPORT(method_plugin_context_create_http_context)(plugin p, uint32_t id) {
  (void)id;
  exchange e = malloc(sizeof(*e));
  if (e == NULL) __builtin_trap();
  e->plugin = p;
  p->references++;
  return EXPORT(http_context_new)(e);
}

bool EXPORT(method_plugin_context_on_done)(plugin p) { return (void)p, true; }

void EXPORT(method_plugin_context_on_log)(plugin p) { (void)p; }

void EXPORT(plugin_context_destructor)(plugin p) { release(p); }

/* ---- A stream ---- */

static void warn(const char *what, pw_bytes name) {
  char text[160];
  size_t prefix = strlen(what), size = name.size < sizeof text - prefix ? name.size : sizeof text - prefix;
  memcpy(text, what, prefix);
  memcpy(text + prefix, name.data, size);
  header_filter_string_t message = {(uint8_t *)text, prefix + size};
  weir_filter_logging_log(WEIR_FILTER_TYPES_LOG_LEVEL_WARN, &message);
}

static action apply(const changes *c, weir_filter_types_map_type_t map) {
  weir_filter_headers_error_t error;
  for (size_t i = 0; i < c->remove.count; i++) {
    header h = c->remove.items[i];
    header_filter_string_t name = {(uint8_t *)h.name.data, h.name.size};
    weir_filter_headers_remove(map, &name, &error);
  }
  for (size_t i = 0; i < c->set.count + c->add.count; i++) {
    bool set = i < c->set.count;
    header h = set ? c->set.items[i] : c->add.items[i - c->set.count];
    header_filter_string_t name = {(uint8_t *)h.name.data, h.name.size};
    header_filter_list_u8_t value = {(uint8_t *)h.value.data, h.value.size};
    bool ok = set ? weir_filter_headers_set(map, &name, &value, &error)
                  : weir_filter_headers_append(map, &name, &value, &error);
    if (!ok) warn(set ? "add-header: the host refused to set " : "add-header: the host refused to add ", h.name);
  }
  return WEIR_FILTER_TYPES_ACTION_CONTINUE;
}

action EXPORT(method_http_context_on_request_headers)(exchange e, uint32_t count, bool end_of_stream) {
  (void)count, (void)end_of_stream;
  return apply(&e->plugin->rules->request, WEIR_FILTER_TYPES_MAP_TYPE_REQUEST_HEADERS);
}

action EXPORT(method_http_context_on_response_headers)(exchange e, uint32_t count, bool end_of_stream) {
  (void)count, (void)end_of_stream;
  const rules *r = e->plugin->rules;
  return apply(r->twice ? &r->request : &r->response, WEIR_FILTER_TYPES_MAP_TYPE_RESPONSE_HEADERS);
}

bool EXPORT(method_http_context_on_done)(exchange e) { return (void)e, true; }

void EXPORT(method_http_context_on_log)(exchange e) { (void)e; }

void EXPORT(http_context_destructor)(exchange e) {
  release(e->plugin);
  free(e);
}
