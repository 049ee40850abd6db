// The configurations of access-log: one for each of its two root contexts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// rootId: log
struct LogSettings {
  std::string queue = "access-log";
  bool query = true;                      // false: paths go without what follows the question mark
  std::vector<std::string> request;       // request headers that become fields
  std::vector<std::string> response;      // response headers, likewise

  // Nothing, with the reason logged, when the text is wrong.
  static std::optional<LogSettings> parse(std::string_view text);
};

// rootId: ship
struct ShipSettings {
  std::string queue = "access-log";
  std::string upstream;
  std::string path = "/";
  std::string authority;                  // the upstream's name when empty
  std::vector<std::pair<std::string, std::string>> headers;
  uint32_t interval = 1000;               // ms between two looks at the queue
  uint32_t timeout = 5000;                // ms
  uint32_t most_lines = 500;              // in a batch
  uint32_t most_bytes = 262144;
  uint32_t retries = 5;

  static std::optional<ShipSettings> parse(std::string_view text);
};
