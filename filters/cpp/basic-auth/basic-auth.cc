// Lets a request pass only with a user name and a password (RFC 7617).
#define PROXY_WASM_IMPLEMENT
#include "../../c/proxy_wasm.h"

#include <map>
#include <memory>

#include "settings.h"

namespace {

using Shared = std::shared_ptr<Settings>;

constexpr size_t kMostCredentials = 4096;  // the encoded form; longer ones are wrong

// By context id. Streams share the settings of their root context.
std::map<uint32_t, Shared> contexts;

pw_bytes view(std::string_view text) { return {text.data(), text.size()}; }

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; i++) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | uint32_t(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += char(bits >> count);
    }
  }
  return bytes;
}

// What stands after "Basic", decoded.
std::optional<std::string> credentials(std::string_view header) {
  constexpr std::string_view kScheme = "basic ";
  if (header.size() < kScheme.size() || header.size() > kMostCredentials) return std::nullopt;
  for (size_t i = 0; i < kScheme.size(); i++) {
    if (char(header[i] | 0x20) != kScheme[i]) return std::nullopt;
  }
  header.remove_prefix(kScheme.size());
  while (!header.empty() && header.front() == ' ') header.remove_prefix(1);
  while (!header.empty() && header.back() == ' ') header.remove_suffix(1);
  return base64_decode(header);
}

bool is_authorization(std::string_view name) {
  constexpr std::string_view kName = "authorization";
  if (name.size() != kName.size()) return false;
  for (size_t i = 0; i < kName.size(); i++) {
    if (char(name[i] | 0x20) != kName[i]) return false;
  }
  return true;
}

// How many Authorization fields the request has. None: the host does not tell.
std::optional<size_t> count_authorization() {
  char *data = nullptr;
  size_t size = 0;
  if (proxy_get_header_map_pairs(PROXY_HTTP_REQUEST_HEADERS, &data, &size) != PROXY_OK) return std::nullopt;
  if (data == nullptr) return 0;
  const std::unique_ptr<char, decltype(&free)> owner(data, free);
  // The number of pairs, two lengths for each, then each text with a NUL.
  auto number = [data](size_t at) {
    uint32_t value;
    memcpy(&value, data + at, sizeof value);
    return uint64_t(value);
  };
  const uint64_t count = size >= 4 ? number(0) : 0;
  uint64_t at = 4 + 8 * count;
  size_t found = 0;
  for (size_t i = 0; i < count && at <= size; i++) {
    const uint64_t name = number(4 + 8 * i);
    const uint64_t end = at + name + 1 + number(8 + 8 * i) + 1;
    if (end <= size && is_authorization({data + at, size_t(name)})) found++;
    at = end;
  }
  if (at > size) return std::nullopt;
  return found;
}

// The user's name, when the request has the right password.
std::optional<std::string> authenticate(const Settings &settings) {
  pw_bytes header = pw_get_header(PROXY_HTTP_REQUEST_HEADERS, pw_text("authorization"));
  if (header.data == nullptr) return std::nullopt;
  std::optional<std::string> pair = credentials({header.data, header.size});
  pw_free(header);
  if (!pair) return std::nullopt;
  size_t colon = pair->find(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string_view both = *pair;
  if (!settings.knows(both.substr(0, colon), both.substr(colon + 1))) return std::nullopt;
  return pair->substr(0, colon);
}

proxy_action_t deny(std::string_view challenge,
                    std::string_view body = "A user name and a password are needed.\n") {
  const pw_header headers[] = {
      {pw_text("www-authenticate"), view(challenge)},
      {pw_text("content-type"), pw_text("text/plain")},
      {pw_text("cache-control"), pw_text("no-store")},
  };
  pw_respond(401, headers, 3, view(body));
  return PROXY_PAUSE;
}

}  // namespace

PROXY_WASM_EXPORT(proxy_on_context_create)
void proxy_on_context_create(uint32_t context, uint32_t parent) {
  auto root = contexts.find(parent);
  contexts[context] = parent != 0 && root != contexts.end() ? root->second : std::make_shared<Settings>();
}

PROXY_WASM_EXPORT(proxy_on_configure)
uint32_t proxy_on_configure(uint32_t root, size_t size) {
  pw_bytes text = pw_get_buffer(PROXY_PLUGIN_CONFIGURATION, 0, size);
  std::optional<Settings> settings = Settings::parse({text.data != nullptr ? text.data : "", text.size});
  pw_free(text);
  if (!settings) return false;
  *contexts[root] = std::move(*settings);
  return true;
}

PROXY_WASM_EXPORT(proxy_on_request_headers)
uint32_t proxy_on_request_headers(uint32_t context, size_t, uint32_t) {
  auto found = contexts.find(context);
  if (found == contexts.end() || found->second->users.empty()) return deny("Basic realm=\"weir\"");
  const Settings &settings = *found->second;
  // The upstream believes this header: a copy from the client must never get there.
  pw_bytes user_header = view(settings.user_header);
  if (user_header.size > 0) pw_remove_header(PROXY_HTTP_REQUEST_HEADERS, user_header);
  // The upstream would get them all, and may believe one that nobody checked.
  if (count_authorization().value_or(2) > 1) {
    return deny(settings.challenge + ", error=\"invalid_request\"",
                "There is more than one Authorization field.\n");
  }
  std::optional<std::string> user = authenticate(settings);
  if (!user) return deny(settings.challenge);
  if (settings.remove_authorization) pw_remove_header(PROXY_HTTP_REQUEST_HEADERS, pw_text("authorization"));
  if (user_header.size > 0) pw_set_header(PROXY_HTTP_REQUEST_HEADERS, user_header, view(*user));
  return PROXY_CONTINUE;
}

PROXY_WASM_EXPORT(proxy_on_delete)
void proxy_on_delete(uint32_t context) { contexts.erase(context); }
