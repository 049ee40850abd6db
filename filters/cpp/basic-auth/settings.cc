#include "settings.h"

#include "../../c/json.h"
#include "../../c/proxy_wasm.h"

namespace {

constexpr size_t kLeastSalt = 8;

pw_bytes view(std::string_view text) { return {text.data(), text.size()}; }

bool refuse(std::string_view where, std::string_view why) {
  pw_log_parts(PROXY_ERROR, pw_text("basic-auth: wrong configuration: "), view(where), view(why));
  return false;
}

std::string text_of(json_value value) {
  pw_bytes bytes = json_string(value);
  std::string text(bytes.data != nullptr ? bytes.data : "", bytes.size);
  pw_free(bytes);
  return text;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char lower = char(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool read_digest(std::string_view hex, sha256::Digest &digest) {
  if (hex.size() != 2 * digest.size()) return false;
  for (size_t i = 0; i < digest.size(); i++) {
    int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    digest[i] = uint8_t(high * 16 + low);
  }
  return true;
}

// "sha256:<salt>:<64 hexadecimal digits>"
bool read_user(Settings &settings, const std::string &name, json_value value) {
  constexpr std::string_view kScheme = "sha256:";
  if (name.empty() || name.find(':') != std::string::npos || !pw_is_header_value(view(name))) {
    return refuse(name, ": a user name has no colon and no control characters, and is not empty");
  }
  std::string secret = json_kind_of(value) == JSON_STRING ? text_of(value) : std::string();
  size_t colon = secret.rfind(':');
  User user{name, "", {}};
  if (secret.compare(0, kScheme.size(), kScheme) == 0 && colon >= kScheme.size() &&
      read_digest(std::string_view(secret).substr(colon + 1), user.digest)) {
    user.salt = secret.substr(kScheme.size(), colon - kScheme.size());
    if (user.salt.size() < kLeastSalt) return refuse(name, ": the salt needs at least 8 characters");
    settings.users.push_back(std::move(user));
    return true;
  }
  return refuse(name, ": sha256:<salt>:<SHA-256 of salt and password, in hexadecimal> is needed, no plain password");
}

bool read_realm(Settings &settings, json_value value) {
  std::string realm = text_of(value);
  for (char c : realm) {
    if (c < ' ' || c > '~' || c == '"' || c == '\\') {
      return refuse("realm", ": printable ASCII without quotes and backslashes is needed");
    }
  }
  settings.challenge = "Basic realm=\"" + realm + "\", charset=\"UTF-8\"";
  return true;
}

bool read_member(Settings &settings, const std::string &key, json_value value) {
  json_kind kind = json_kind_of(value);
  if (key == "users") {
    if (kind != JSON_OBJECT) return refuse(key, ": an object of names and password hashes is needed");
    json_value name, secret;
    for (json_walk walk = json_open(value); json_next(&walk, &name, &secret);) {
      if (!read_user(settings, text_of(name), secret)) return false;
    }
    return true;
  }
  if (key == "realm") return kind == JSON_STRING ? read_realm(settings, value) : refuse(key, ": a string is needed");
  if (key == "userHeader") {
    if (kind == JSON_NULL) return true;
    settings.user_header = kind == JSON_STRING ? text_of(value) : "";
    return pw_is_header_name(view(settings.user_header)) || refuse(key, ": a header name is needed");
  }
  if (key == "removeAuthorization") {
    settings.remove_authorization = json_is_true(value);
    return kind == JSON_BOOLEAN || refuse(key, ": true or false is needed");
  }
  return refuse(key, ": unknown key; known are realm, removeAuthorization, userHeader, users");
}

}  // namespace

std::optional<Settings> Settings::parse(std::string_view text) {
  json_value all, key, value;
  Settings settings;
  settings.challenge = "Basic realm=\"weir\", charset=\"UTF-8\"";
  const char *error = json_parse(view(text), &all);
  if (error != nullptr) {
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
  if (settings.users.empty()) {
    refuse("users", ": at least one is needed");
    return std::nullopt;
  }
  return settings;
}

bool Settings::knows(std::string_view name, std::string_view password) const {
  const User *user = nullptr;
  for (const User &candidate : users) {
    if (candidate.name == name) user = &candidate;
  }
  const User &compared = user != nullptr ? *user : users.front();
  std::string salted = compared.salt;
  salted += password;
  sha256::Digest digest = sha256::hash(reinterpret_cast<const uint8_t *>(salted.data()), salted.size());
  bool equal = pw_equal_constant_time(digest.data(), compared.digest.data(), digest.size());
  return equal && user != nullptr;
}
