// What access-log needs of the host beyond proxy_wasm.h: strings instead of memory that has to be freed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "../../c/proxy_wasm.h"

namespace host {

inline pw_bytes view(std::string_view text) { return {text.data(), text.size()}; }

// Takes over what a pw_get_* function returned.
inline std::optional<std::string> taken(pw_bytes bytes) {
  if (bytes.data == nullptr) return std::nullopt;
  std::string text(bytes.data, bytes.size);
  pw_free(bytes);
  return text;
}

// By a path with NULs between its segments.
inline std::optional<std::string> property(std::string_view path) {
  return taken(pw_get_property(path.data(), path.size()));
}

// Of 8 bytes, little-endian as all of WebAssembly.
inline std::optional<int64_t> number(std::string_view path) {
  const std::optional<std::string> bytes = property(path);
  int64_t value;
  if (!bytes || bytes->size() != sizeof value) return std::nullopt;
  memcpy(&value, bytes->data(), sizeof value);
  return value;
}

inline std::optional<std::string> header(proxy_map_t map, std::string_view name) {
  return taken(pw_get_header(map, view(name)));
}

inline void log(proxy_log_level_t level, std::string_view text) {
  const std::string line = "access-log: " + std::string(text);
  pw_log(level, view(line));
}

// Counting must never stop the filter: without metrics nothing is counted.
class Counter {
 public:
  void define(std::string_view name) {
    defined_ = proxy_define_metric(PROXY_COUNTER, name.data(), name.size(), &id_) == PROXY_OK;
  }
  void add(size_t count) const {
    if (defined_ && count > 0) proxy_increment_metric(id_, int64_t(count));
  }

 private:
  uint32_t id_ = 0;
  bool defined_ = false;
};

}  // namespace host
