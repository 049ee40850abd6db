#include "settings.h"

#include "../../c/json.h"
#include "host.h"

namespace {

using host::view;

constexpr size_t kMostHeaders = 16;

bool refuse(std::string_view where, std::string_view why) {
  host::log(PROXY_ERROR, "wrong configuration: " + std::string(where) + std::string(why));
  return false;
}

std::string text_of(json_value value) { return host::taken(json_string(value)).value_or(""); }

bool read_text(std::string &to, const std::string &key, json_value value) {
  if (json_kind_of(value) != JSON_STRING) return refuse(key, ": a string is needed");
  to = text_of(value);
  return !to.empty() || refuse(key, ": it is empty");
}

bool read_flag(bool &to, const std::string &key, json_value value) {
  if (json_kind_of(value) != JSON_BOOLEAN) return refuse(key, ": true or false is needed");
  to = json_is_true(value);
  return true;
}

// Digits at `*at`, which goes behind them.
uint64_t digits(const char **at) {
  uint64_t number = 0;
  for (; **at >= '0' && **at <= '9'; ++*at) number = number < 1000000000 ? number * 10 + uint64_t(**at - '0') : number;
  return number;
}

bool read_number(uint32_t &to, const std::string &key, json_value value, uint32_t least, uint32_t most) {
  const char *at = value.at;
  const bool number = json_kind_of(value) == JSON_NUMBER && *at != '-';
  const uint64_t whole = number ? digits(&at) : 0;
  // What ends a number in a text that was checked.
  const bool ends = *at != '.' && *at != 'e' && *at != 'E';
  if (!number || !ends || whole < least || whole > most) {
    return refuse(key, ": a whole number from " + std::to_string(least) + " to " + std::to_string(most) + " is needed");
  }
  to = uint32_t(whole);
  return true;
}

// "500ms", "1s", "2m", into milliseconds.
bool read_duration(uint32_t &to, const std::string &key, json_value value) {
  const std::string text = json_kind_of(value) == JSON_STRING ? text_of(value) : std::string();
  const char *at = text.c_str();
  const uint64_t number = digits(&at);
  const std::string_view unit = at;
  const uint64_t scale = unit == "ms" ? 1 : unit == "s" ? 1000 : unit == "m" ? 60000 : 0;
  const uint64_t time = number * scale;
  if (time < 10 || time > 3600000) {
    return refuse(key, ": a duration from 10ms to 60m is needed (unit ms, s or m), for example \"1s\"");
  }
  to = uint32_t(time);
  return true;
}

bool read_names(std::vector<std::string> &to, const std::string &key, json_value value) {
  if (json_kind_of(value) != JSON_ARRAY) return refuse(key, ": a list of header names is needed");
  json_value none, item;
  for (json_walk walk = json_open(value); json_next(&walk, &none, &item);) {
    std::string name = json_kind_of(item) == JSON_STRING ? text_of(item) : std::string();
    if (!pw_is_header_name(view(name))) return refuse(key, ": a list of header names is needed");
    for (char &c : name) c = c >= 'A' && c <= 'Z' ? char(c | 0x20) : c;
    to.push_back(std::move(name));
  }
  return to.size() <= kMostHeaders || refuse(key, ": more than 16 names");
}

bool read_headers(ShipSettings &settings, const std::string &key, json_value value) {
  if (json_kind_of(value) != JSON_OBJECT) return refuse(key, ": an object of names and values is needed");
  json_value name, item;
  for (json_walk walk = json_open(value); json_next(&walk, &name, &item);) {
    std::string header = text_of(name);
    std::string text = json_kind_of(item) == JSON_STRING ? text_of(item) : std::string("\n");
    if (!pw_is_header_name(view(header))) return refuse(key + "." + header, ": it is no header name");
    if (!pw_is_header_value(view(text))) return refuse(key + "." + header, ": a string without control characters is needed");
    settings.headers.emplace_back(std::move(header), std::move(text));
  }
  return settings.headers.size() <= kMostHeaders || refuse(key, ": more than 16 headers");
}

bool read_member(LogSettings &settings, const std::string &key, json_value value) {
  if (key == "queue") return read_text(settings.queue, key, value);
  if (key == "query") return read_flag(settings.query, key, value);
  if (key == "request") return read_names(settings.request, key, value);
  if (key == "response") return read_names(settings.response, key, value);
  return refuse(key, ": unknown key; known are query, queue, request, response");
}

bool read_path(ShipSettings &settings, const std::string &key, json_value value) {
  if (!read_text(settings.path, key, value)) return false;
  for (char c : settings.path) {
    if (c <= ' ' || c > '~' || c == '#') return refuse(key, ": printable ASCII without spaces is needed");
  }
  return settings.path[0] == '/' || refuse(key, ": it has to begin with a slash");
}

bool read_authority(ShipSettings &settings, const std::string &key, json_value value) {
  if (!read_text(settings.authority, key, value)) return false;
  for (char c : settings.authority) {
    if (c <= ' ' || c > '~') return refuse(key, ": a host name is needed");
  }
  return true;
}

bool read_member(ShipSettings &settings, const std::string &key, json_value value) {
  if (key == "queue") return read_text(settings.queue, key, value);
  if (key == "upstream") return read_text(settings.upstream, key, value);
  if (key == "path") return read_path(settings, key, value);
  if (key == "authority") return read_authority(settings, key, value);
  if (key == "headers") return read_headers(settings, key, value);
  if (key == "interval") return read_duration(settings.interval, key, value);
  if (key == "timeout") return read_duration(settings.timeout, key, value);
  if (key == "maxLines") return read_number(settings.most_lines, key, value, 1, 10000);
  if (key == "maxBytes") return read_number(settings.most_bytes, key, value, 65536, 1048576);
  if (key == "retries") return read_number(settings.retries, key, value, 0, 1000);
  return refuse(key, ": unknown key; known are authority, headers, interval, maxBytes, maxLines, path, queue, retries, "
                     "timeout, upstream");
}

// An empty text is an object without members.
template <typename Settings>
std::optional<Settings> read(std::string_view text) {
  json_value all, key, value;
  Settings settings;
  if (text.empty()) return settings;
  if (const char *error = json_parse(view(text), &all); error != nullptr) {
    refuse("not JSON: ", error);
    return std::nullopt;
  }
  if (json_kind_of(all) != JSON_OBJECT) {
    refuse("", "a JSON object is needed");
    return std::nullopt;
  }
  for (json_walk walk = json_open(all); json_next(&walk, &key, &value);) {
    if (!read_member(settings, text_of(key), value)) return std::nullopt;
  }
  return settings;
}

}  // namespace

std::optional<LogSettings> LogSettings::parse(std::string_view text) { return read<LogSettings>(text); }

std::optional<ShipSettings> ShipSettings::parse(std::string_view text) {
  std::optional<ShipSettings> settings = read<ShipSettings>(text);
  if (settings && settings->upstream.empty()) {
    refuse("upstream", ": the name of the upstream that takes the lines is needed");
    return std::nullopt;
  }
  if (settings && settings->authority.empty()) settings->authority = settings->upstream;
  return settings;
}
