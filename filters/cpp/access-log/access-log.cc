// Access logs: "log" puts a JSON line for each request into a shared queue, "ship" sends what is in it to a collector.
#define PROXY_WASM_IMPLEMENT
#include "../../c/proxy_wasm.h"

#include <map>
#include <memory>

#include "logger.h"
#include "shipper.h"

namespace {

struct Root {
  std::unique_ptr<Logger> logger;
  std::unique_ptr<Shipper> shipper;
};

// By context id.
std::map<uint32_t, Root> roots;
std::map<uint32_t, uint32_t> streams;  // to their root context

Shipper *shipper_of(uint32_t context) {
  const auto root = roots.find(context);
  return root == roots.end() ? nullptr : root->second.shipper.get();
}

uint32_t answered_status() {
  const std::optional<std::string> text = host::header(PROXY_HTTP_CALL_RESPONSE_HEADERS, ":status");
  return text ? uint32_t(atoi(text->c_str())) : 0;
}

}  // namespace

PROXY_WASM_EXPORT(proxy_on_context_create)
void proxy_on_context_create(uint32_t context, uint32_t parent) {
  if (parent == 0) {
    roots[context] = {};
  } else {
    streams[context] = parent;
  }
}

PROXY_WASM_EXPORT(proxy_on_configure)
uint32_t proxy_on_configure(uint32_t root, size_t size) {
  const std::string text = host::taken(pw_get_buffer(PROXY_PLUGIN_CONFIGURATION, 0, size)).value_or("");
  const std::string role = host::property("plugin_root_id").value_or("");
  if (role == "log") {
    std::optional<LogSettings> settings = LogSettings::parse(text);
    if (!settings) return false;
    roots[root].logger = std::make_unique<Logger>(std::move(*settings));
    return true;
  }
  if (role == "ship") {
    std::optional<ShipSettings> settings = ShipSettings::parse(text);
    if (!settings) return false;
    roots[root].shipper = std::make_unique<Shipper>(std::move(*settings));
    return true;
  }
  host::log(PROXY_ERROR, "rootId: it has to be log, in the filters of routes, or ship, in services");
  return false;
}

PROXY_WASM_EXPORT(proxy_on_log)
void proxy_on_log(uint32_t context) {
  const auto stream = streams.find(context);
  if (stream == streams.end()) return;
  const auto root = roots.find(stream->second);
  if (root != roots.end() && root->second.logger) root->second.logger->log();
}

PROXY_WASM_EXPORT(proxy_on_tick)
void proxy_on_tick(uint32_t root) {
  if (Shipper *shipper = shipper_of(root)) shipper->tick();
}

PROXY_WASM_EXPORT(proxy_on_queue_ready)
void proxy_on_queue_ready(uint32_t root, uint32_t) {
  if (Shipper *shipper = shipper_of(root)) shipper->ready();
}

PROXY_WASM_EXPORT(proxy_on_http_call_response)
void proxy_on_http_call_response(uint32_t root, uint32_t call, uint32_t headers, size_t, uint32_t) {
  if (Shipper *shipper = shipper_of(root)) shipper->answer(call, headers == 0 ? 0 : answered_status());
}

PROXY_WASM_EXPORT(proxy_on_done)
uint32_t proxy_on_done(uint32_t context) {
  Shipper *shipper = shipper_of(context);
  return shipper == nullptr || shipper->done();
}

PROXY_WASM_EXPORT(proxy_on_delete)
void proxy_on_delete(uint32_t context) {
  if (streams.erase(context) == 0) roots.erase(context);
}
