/*
 * proxy_wasm.h: Proxy-Wasm ABI 0.2.1 for C and C++, in one file. Copy it, include it, write a filter.
 *
 *   #define PROXY_WASM_IMPLEMENT        // in exactly one source file
 *   #include "proxy_wasm.h"
 *
 *   PROXY_WASM_EXPORT(proxy_on_response_headers)
 *   uint32_t proxy_on_response_headers(uint32_t context, size_t headers, uint32_t end_of_stream) {
 *     pw_set_header(PROXY_HTTP_RESPONSE_HEADERS, pw_text("x-hello"), pw_text("world"));
 *     return PROXY_CONTINUE;
 *   }
 *
 *   clang --target=wasm32-wasi -mexec-model=reactor -O2 -o hello.wasm hello.c
 *
 * A filter exports the callbacks it needs and no others: what is not exported costs nothing.
 *
 * Memory: the host puts what it returns into memory that it takes from proxy_on_memory_allocate, here malloc.
 * It belongs to the filter from then on. Every pw_get_* function hands it over as pw_bytes; free it with pw_free.
 *
 * Apache-2.0, part of Weir.
 */
#ifndef PROXY_WASM_H
#define PROXY_WASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
#define PROXY_WASM_C extern "C"
extern "C" {
#else
#define PROXY_WASM_C
#endif

/* Stands before a callback's definition (in C++ the definition becomes extern "C" with it). */
#define PROXY_WASM_EXPORT(name) PROXY_WASM_C __attribute__((export_name(#name)))
#define PROXY_WASM_IMPORT(name) __attribute__((import_module("env"), import_name(#name))) proxy_status_t name

/* ---- Types ---------------------------------------------------------------------------------------------- */

typedef uint32_t proxy_status_t;
enum {
  PROXY_OK = 0,
  PROXY_NOT_FOUND = 1,
  PROXY_BAD_ARGUMENT = 2,
  PROXY_SERIALIZATION_FAILURE = 3,
  PROXY_PARSE_FAILURE = 4,
  PROXY_INVALID_MEMORY_ACCESS = 6,
  PROXY_EMPTY = 7,
  PROXY_CAS_MISMATCH = 8,
  PROXY_INTERNAL_FAILURE = 10,
  PROXY_UNIMPLEMENTED = 12
};

typedef uint32_t proxy_action_t;
enum { PROXY_CONTINUE = 0, PROXY_PAUSE = 1 };

typedef uint32_t proxy_log_level_t;
enum { PROXY_TRACE, PROXY_DEBUG, PROXY_INFO, PROXY_WARN, PROXY_ERROR, PROXY_CRITICAL };

typedef uint32_t proxy_buffer_t;
enum {
  PROXY_HTTP_REQUEST_BODY = 0,
  PROXY_HTTP_RESPONSE_BODY = 1,
  PROXY_DOWNSTREAM_DATA = 2,
  PROXY_UPSTREAM_DATA = 3,
  PROXY_HTTP_CALL_RESPONSE_BODY = 4,
  PROXY_GRPC_CALL_MESSAGE = 5,
  PROXY_VM_CONFIGURATION = 6,
  PROXY_PLUGIN_CONFIGURATION = 7,
  PROXY_FOREIGN_FUNCTION_ARGUMENTS = 8
};

typedef uint32_t proxy_map_t;
enum {
  PROXY_HTTP_REQUEST_HEADERS = 0,
  PROXY_HTTP_REQUEST_TRAILERS = 1,
  PROXY_HTTP_RESPONSE_HEADERS = 2,
  PROXY_HTTP_RESPONSE_TRAILERS = 3,
  PROXY_GRPC_CALL_INITIAL_METADATA = 4,
  PROXY_GRPC_CALL_TRAILING_METADATA = 5,
  PROXY_HTTP_CALL_RESPONSE_HEADERS = 6,
  PROXY_HTTP_CALL_RESPONSE_TRAILERS = 7
};

typedef uint32_t proxy_peer_t;
enum { PROXY_PEER_UNKNOWN, PROXY_PEER_LOCAL, PROXY_PEER_REMOTE };

typedef uint32_t proxy_stream_t;
enum { PROXY_HTTP_REQUEST, PROXY_HTTP_RESPONSE, PROXY_DOWNSTREAM, PROXY_UPSTREAM };

typedef uint32_t proxy_metric_t;
enum { PROXY_COUNTER, PROXY_GAUGE, PROXY_HISTOGRAM };

/* ---- Hostcalls ------------------------------------------------------------------------------------------ */

/* Logging, time, contexts */
PROXY_WASM_IMPORT(proxy_log)(proxy_log_level_t, const char *message, size_t size);
PROXY_WASM_IMPORT(proxy_get_log_level)(proxy_log_level_t *return_level);
PROXY_WASM_IMPORT(proxy_get_current_time_nanoseconds)(uint64_t *return_time);
PROXY_WASM_IMPORT(proxy_set_tick_period_milliseconds)(uint32_t period);
PROXY_WASM_IMPORT(proxy_set_effective_context)(uint32_t context);
PROXY_WASM_IMPORT(proxy_done)(void);

/* Buffers */
PROXY_WASM_IMPORT(proxy_get_buffer_bytes)(proxy_buffer_t, size_t start, size_t max_size, char **return_data,
                                          size_t *return_size);
PROXY_WASM_IMPORT(proxy_set_buffer_bytes)(proxy_buffer_t, size_t start, size_t size, const char *data,
                                          size_t data_size);
PROXY_WASM_IMPORT(proxy_get_buffer_status)(proxy_buffer_t, size_t *return_size, uint32_t *return_ignored);

/* Headers and trailers */
PROXY_WASM_IMPORT(proxy_get_header_map_size)(proxy_map_t, size_t *return_size);
PROXY_WASM_IMPORT(proxy_get_header_map_pairs)(proxy_map_t, char **return_pairs, size_t *return_size);
PROXY_WASM_IMPORT(proxy_set_header_map_pairs)(proxy_map_t, const char *pairs, size_t size);
PROXY_WASM_IMPORT(proxy_get_header_map_value)(proxy_map_t, const char *name, size_t name_size,
                                              char **return_value, size_t *return_size);
PROXY_WASM_IMPORT(proxy_add_header_map_value)(proxy_map_t, const char *name, size_t name_size,
                                              const char *value, size_t value_size);
PROXY_WASM_IMPORT(proxy_replace_header_map_value)(proxy_map_t, const char *name, size_t name_size,
                                                  const char *value, size_t value_size);
PROXY_WASM_IMPORT(proxy_remove_header_map_value)(proxy_map_t, const char *name, size_t name_size);

/* Streams */
PROXY_WASM_IMPORT(proxy_continue_stream)(proxy_stream_t);
PROXY_WASM_IMPORT(proxy_close_stream)(proxy_stream_t);
PROXY_WASM_IMPORT(proxy_send_local_response)(uint32_t status, const char *details, size_t details_size,
                                             const char *body, size_t body_size, const char *header_pairs,
                                             size_t header_pairs_size, uint32_t grpc_status);

/* HTTP and gRPC calls */
PROXY_WASM_IMPORT(proxy_http_call)(const char *upstream, size_t upstream_size, const char *header_pairs,
                                   size_t header_pairs_size, const char *body, size_t body_size,
                                   const char *trailer_pairs, size_t trailer_pairs_size,
                                   uint32_t timeout_milliseconds, uint32_t *return_call);
PROXY_WASM_IMPORT(proxy_grpc_call)(const char *upstream, size_t upstream_size, const char *service,
                                   size_t service_size, const char *method, size_t method_size,
                                   const char *metadata_pairs, size_t metadata_pairs_size, const char *message,
                                   size_t message_size, uint32_t timeout_milliseconds, uint32_t *return_call);
PROXY_WASM_IMPORT(proxy_grpc_stream)(const char *upstream, size_t upstream_size, const char *service,
                                     size_t service_size, const char *method, size_t method_size,
                                     const char *metadata_pairs, size_t metadata_pairs_size,
                                     uint32_t *return_stream);
PROXY_WASM_IMPORT(proxy_grpc_send)(uint32_t stream, const char *message, size_t size, uint32_t end_of_stream);
PROXY_WASM_IMPORT(proxy_grpc_cancel)(uint32_t call_or_stream);
PROXY_WASM_IMPORT(proxy_grpc_close)(uint32_t call_or_stream);
PROXY_WASM_IMPORT(proxy_get_status)(uint32_t *return_code, char **return_message, size_t *return_size);

/* Shared data and queues */
PROXY_WASM_IMPORT(proxy_get_shared_data)(const char *key, size_t key_size, char **return_value,
                                         size_t *return_size, uint32_t *return_cas);
PROXY_WASM_IMPORT(proxy_set_shared_data)(const char *key, size_t key_size, const char *value, size_t value_size,
                                         uint32_t cas);
PROXY_WASM_IMPORT(proxy_register_shared_queue)(const char *name, size_t size, uint32_t *return_queue);
PROXY_WASM_IMPORT(proxy_resolve_shared_queue)(const char *vm_id, size_t vm_id_size, const char *name,
                                              size_t name_size, uint32_t *return_queue);
PROXY_WASM_IMPORT(proxy_enqueue_shared_queue)(uint32_t queue, const char *value, size_t size);
PROXY_WASM_IMPORT(proxy_dequeue_shared_queue)(uint32_t queue, char **return_value, size_t *return_size);

/* Metrics, properties, foreign functions */
PROXY_WASM_IMPORT(proxy_define_metric)(proxy_metric_t, const char *name, size_t size, uint32_t *return_metric);
PROXY_WASM_IMPORT(proxy_increment_metric)(uint32_t metric, int64_t delta);
PROXY_WASM_IMPORT(proxy_record_metric)(uint32_t metric, uint64_t value);
PROXY_WASM_IMPORT(proxy_get_metric)(uint32_t metric, uint64_t *return_value);
PROXY_WASM_IMPORT(proxy_get_property)(const char *path, size_t path_size, char **return_value,
                                      size_t *return_size);
PROXY_WASM_IMPORT(proxy_set_property)(const char *path, size_t path_size, const char *value, size_t size);
PROXY_WASM_IMPORT(proxy_call_foreign_function)(const char *name, size_t name_size, const char *arguments,
                                               size_t arguments_size, char **return_results,
                                               size_t *return_size);

/* ---- Bytes ---------------------------------------------------------------------------------------------- */

/* Some bytes. They need not be text and do not end with a NUL. `data` is null when there is no value at all. */
typedef struct {
  const char *data;
  size_t size;
} pw_bytes;

static inline pw_bytes pw_text(const char *text) {
  pw_bytes bytes = {text, strlen(text)};
  return bytes;
}

/* What a pw_get_* function returned, or memory of one's own from malloc. */
static inline void pw_free(pw_bytes bytes) { free((void *)bytes.data); }

/* A copy of its own. Null data: out of memory. Free it. */
static inline pw_bytes pw_copy(pw_bytes bytes) {
  char *data = (char *)malloc(bytes.size + 1);
  pw_bytes copy = {data, data != NULL ? bytes.size : 0};
  if (copy.size > 0) memcpy(data, bytes.data, bytes.size);
  return copy;
}

static inline bool pw_equal(pw_bytes a, pw_bytes b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Takes as long for a difference in the first byte as for one in the last. */
static inline bool pw_equal_constant_time(const void *a, const void *b, size_t size) {
  const volatile unsigned char *x = (const volatile unsigned char *)a;
  const volatile unsigned char *y = (const volatile unsigned char *)b;
  unsigned char difference = 0;
  for (size_t i = 0; i < size; i++) difference |= (unsigned char)(x[i] ^ y[i]);
  return difference == 0;
}

/* An owned result of a hostcall: an empty value is not the same as no value. */
static inline pw_bytes pw_result(proxy_status_t status, char *data, size_t size) {
  pw_bytes none = {NULL, 0};
  if (status != PROXY_OK) return none;
  pw_bytes some = {data != NULL ? data : (char *)malloc(1), data != NULL ? size : 0};
  return some;
}

/* ---- Logging -------------------------------------------------------------------------------------------- */

static inline void pw_log(proxy_log_level_t level, pw_bytes message) {
  proxy_log(level, message.data, message.size);
}

/* Joins up to three parts, so that no printf (and its 20 KB) is needed. Cut off at 256 bytes. */
static inline void pw_log_parts(proxy_log_level_t level, pw_bytes a, pw_bytes b, pw_bytes c) {
  char line[256];
  size_t used = 0;
  pw_bytes parts[3] = {a, b, c};
  for (int i = 0; i < 3; i++) {
    size_t size = parts[i].size < sizeof line - used ? parts[i].size : sizeof line - used;
    if (size > 0) memcpy(line + used, parts[i].data, size);
    used += size;
  }
  proxy_log(level, line, used);
}

/* ---- Headers and buffers -------------------------------------------------------------------------------- */

/* The first value of a header. Null data: there is none. Free it. */
static inline pw_bytes pw_get_header(proxy_map_t map, pw_bytes name) {
  char *data = NULL;
  size_t size = 0;
  return pw_result(proxy_get_header_map_value(map, name.data, name.size, &data, &size), data, size);
}

static inline bool pw_has_header(proxy_map_t map, pw_bytes name) {
  char *data = NULL;
  size_t size = 0;
  bool found = proxy_get_header_map_value(map, name.data, name.size, &data, &size) == PROXY_OK;
  free(data);
  return found;
}

/* Leaves exactly this value. False: the host refused it. */
static inline bool pw_set_header(proxy_map_t map, pw_bytes name, pw_bytes value) {
  return proxy_replace_header_map_value(map, name.data, name.size, value.data, value.size) == PROXY_OK;
}

static inline bool pw_add_header(proxy_map_t map, pw_bytes name, pw_bytes value) {
  return proxy_add_header_map_value(map, name.data, name.size, value.data, value.size) == PROXY_OK;
}

static inline void pw_remove_header(proxy_map_t map, pw_bytes name) {
  proxy_remove_header_map_value(map, name.data, name.size);
}

/* What a buffer holds, a body for example, or the configuration in proxy_on_configure. Free it. */
static inline pw_bytes pw_get_buffer(proxy_buffer_t buffer, size_t start, size_t max_size) {
  char *data = NULL;
  size_t size = 0;
  return pw_result(proxy_get_buffer_bytes(buffer, start, max_size, &data, &size), data, size);
}

/* Puts `value` in place of the whole buffer. */
static inline bool pw_set_buffer(proxy_buffer_t buffer, pw_bytes value) {
  return proxy_set_buffer_bytes(buffer, 0, SIZE_MAX, value.data, value.size) == PROXY_OK;
}

/* A property by its path: pw_get_property("source\0address", sizeof "source\0address" - 1). Free it. */
static inline pw_bytes pw_get_property(const char *path, size_t path_size) {
  char *data = NULL;
  size_t size = 0;
  return pw_result(proxy_get_property(path, path_size, &data, &size), data, size);
}

static inline bool pw_one_of(char c, const char *set) {
  while (*set != 0 && *set != c) set++;
  return *set != 0;
}

/* RFC 9110: what a host accepts as a header name and as a value. */
static inline bool pw_is_header_name(pw_bytes name) {
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    bool letter_or_digit = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
    if (!letter_or_digit && !pw_one_of(c, "!#$%&'*+-.^_`|~")) return false;
  }
  return name.size > 0;
}

static inline bool pw_is_header_value(pw_bytes value) {
  for (size_t i = 0; i < value.size; i++) {
    unsigned char c = (unsigned char)value.data[i];
    if ((c < ' ' && c != '\t') || c == 0x7f) return false;
  }
  return true;
}

/* ---- Local responses ------------------------------------------------------------------------------------ */

typedef struct {
  pw_bytes name;
  pw_bytes value;
} pw_header;

/* Serializes headers as the ABI wants them: count, length pairs, then each text with a NUL. Free the result. */
static inline pw_bytes pw_pairs(const pw_header *headers, uint32_t count) {
  size_t size = 4;
  for (uint32_t i = 0; i < count; i++) size += 10 + headers[i].name.size + headers[i].value.size;
  char *pairs = (char *)malloc(size);
  pw_bytes result = {pairs, pairs != NULL ? size : 0};
  if (pairs == NULL) return result;
  memcpy(pairs, &count, 4);
  char *text = pairs + 4 + 8 * (size_t)count;
  for (uint32_t i = 0; i < count; i++) {
    const pw_bytes both[2] = {headers[i].name, headers[i].value};
    for (int part = 0; part < 2; part++) {
      uint32_t length = (uint32_t)both[part].size;
      memcpy(pairs + 4 + 8 * (size_t)i + 4 * (size_t)part, &length, 4);
      if (length > 0) memcpy(text, both[part].data, length);
      text += length;
      *text++ = 0;
    }
  }
  return result;
}

/* Answers in place of the upstream; the callback should return PROXY_PAUSE then. False: the host refused. */
static inline bool pw_respond(uint32_t status, const pw_header *headers, uint32_t count, pw_bytes body) {
  const uint32_t no_grpc_status = UINT32_MAX;
  pw_bytes pairs = pw_pairs(headers, count);
  bool sent = proxy_send_local_response(status, "", 0, body.data, body.size, pairs.data, pairs.size,
                                        no_grpc_status) == PROXY_OK;
  pw_free(pairs);
  return sent;
}

/* ---- Contexts ------------------------------------------------------------------------------------------- */

/*
 * From context id to data of your own: plugins that share a VM have one root context each, with a configuration
 * each, and every stream belongs to one of them. Start with zeroes; ids are never 0.
 */
typedef struct {
  uint32_t id;
  void *data;
} pw_slot;

typedef struct {
  pw_slot *slots;
  uint32_t mask; /* slots - 1; the number of slots is a power of two, at most half of them are taken */
  uint32_t used;
} pw_contexts;

static inline pw_slot *pw_contexts_slot(const pw_contexts *contexts, uint32_t id) {
  uint32_t i = id & contexts->mask;
  while (contexts->slots[i].id != 0 && contexts->slots[i].id != id) i = (i + 1) & contexts->mask;
  return &contexts->slots[i];
}

/* Null: unknown id. */
static inline void *pw_contexts_get(const pw_contexts *contexts, uint32_t id) {
  return contexts->slots == NULL ? NULL : pw_contexts_slot(contexts, id)->data;
}

/* False: out of memory. */
static inline bool pw_contexts_put(pw_contexts *contexts, uint32_t id, void *data) {
  if (contexts->slots == NULL || contexts->used > contexts->mask / 2) {
    pw_contexts larger = {NULL, contexts->slots == NULL ? 15 : contexts->mask * 2 + 1, contexts->used};
    larger.slots = (pw_slot *)calloc((size_t)larger.mask + 1, sizeof(pw_slot));
    if (larger.slots == NULL) return false;
    for (uint32_t i = 0; contexts->slots != NULL && i <= contexts->mask; i++) {
      if (contexts->slots[i].id != 0) *pw_contexts_slot(&larger, contexts->slots[i].id) = contexts->slots[i];
    }
    free(contexts->slots);
    *contexts = larger;
  }
  pw_slot *slot = pw_contexts_slot(contexts, id);
  if (slot->id == 0) contexts->used++;
  slot->id = id;
  slot->data = data;
  return true;
}

/* What was stored, for you to free. */
static inline void *pw_contexts_remove(pw_contexts *contexts, uint32_t id) {
  if (contexts->slots == NULL) return NULL;
  pw_slot *slot = pw_contexts_slot(contexts, id);
  void *data = slot->data;
  if (slot->id == 0) return NULL;
  contexts->used--;
  /* Closes the gap: what follows moves back where its search would otherwise stop short. */
  uint32_t gap = (uint32_t)(slot - contexts->slots);
  for (uint32_t i = (gap + 1) & contexts->mask; contexts->slots[i].id != 0; i = (i + 1) & contexts->mask) {
    uint32_t home = contexts->slots[i].id & contexts->mask;
    if (((i - home) & contexts->mask) >= ((i - gap) & contexts->mask)) {
      contexts->slots[gap] = contexts->slots[i];
      gap = i;
    }
  }
  contexts->slots[gap].id = 0;
  contexts->slots[gap].data = NULL;
  return data;
}

/* ---- What every module has to export -------------------------------------------------------------------- */

#ifdef PROXY_WASM_IMPLEMENT
__attribute__((export_name("proxy_abi_version_0_2_1"))) void proxy_abi_version_0_2_1(void) {}
__attribute__((export_name("proxy_on_memory_allocate"))) void *proxy_on_memory_allocate(size_t size) {
  return malloc(size);
}
#endif

#ifdef __cplusplus
}
#endif
#endif
