// The root context "log": a line for each request, into the queue.
#pragma once

#include "host.h"
#include "settings.h"

class Logger {
 public:
  explicit Logger(LogSettings settings);

  // For the stream that ends now.
  void log();

 private:
  std::string line() const;
  // True: it is in the queue.
  bool enqueue(std::string_view line);

  LogSettings settings_;
  std::string vm_id_;
  uint32_t queue_ = 0;  // 0: not found yet
  uint64_t lost_ = 0;   // lines
  uint64_t tell_ = 1;   // the next number of lost lines that is logged
  host::Counter queued_, dropped_;
};
