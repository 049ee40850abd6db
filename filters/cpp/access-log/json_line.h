// Writes one JSON object in one line, whatever bytes its values have.
#pragma once

#include <string>
#include <string_view>

class JsonLine {
 public:
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, int64_t value);
  // Milliseconds with three decimals.
  void milliseconds(std::string_view key, int64_t nanoseconds);
  // RFC 3339 in UTC, with milliseconds.
  void time(std::string_view key, int64_t nanoseconds);
  // An object inside; end() closes it.
  void begin(std::string_view key);
  void end();
  // The object, without a line feed.
  std::string finish() &&;

 private:
  void key(std::string_view key);

  std::string line_ = "{";
  bool first_ = true;
};
