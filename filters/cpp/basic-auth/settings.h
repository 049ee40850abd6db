// The configuration of basic-auth.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sha256.h"

struct User {
  std::string name;
  std::string salt;
  sha256::Digest digest;  // of salt and password
};

struct Settings {
  std::vector<User> users;
  std::string challenge;    // the value of www-authenticate
  std::string user_header;  // empty: the upstream is not told
  bool remove_authorization = false;

  // Nothing, with the reason logged, when the text is wrong.
  static std::optional<Settings> parse(std::string_view text);

  // Whether some user has this password. Takes as long for an unknown user as for a wrong password.
  bool knows(std::string_view name, std::string_view password) const;
};
