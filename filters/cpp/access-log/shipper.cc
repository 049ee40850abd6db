#include "shipper.h"

#include <algorithm>

namespace {

constexpr uint32_t kMostPause = 60;  // ticks

// Another attempt may do better.
bool may_pass_later(uint32_t status) { return status < 400 || status >= 500 || status == 408 || status == 429; }

}  // namespace

Shipper::Shipper(ShipSettings settings) : settings_(std::move(settings)) {
  shipped_.define("access_log_shipped");
  dropped_.define("access_log_dropped");
  failed_.define("access_log_failed_batches");
  std::vector<pw_header> headers = {
      {pw_text(":method"), pw_text("POST")},
      {pw_text(":path"), host::view(settings_.path)},
      {pw_text(":authority"), host::view(settings_.authority)},
      {pw_text("content-type"), pw_text("application/x-ndjson")},
  };
  for (const auto &[name, value] : settings_.headers) headers.push_back({host::view(name), host::view(value)});
  pairs_ = host::taken(pw_pairs(headers.data(), uint32_t(headers.size()))).value_or("");
  // Lines are put into the queue from now on: whoever logs can't register it.
  registered();
  proxy_set_tick_period_milliseconds(settings_.interval);
}

// The store may come later than this, too.
bool Shipper::registered() {
  const std::string &queue = settings_.queue;
  if (queue_ != 0 || proxy_register_shared_queue(queue.data(), queue.size(), &queue_) == PROXY_OK) return true;
  queue_ = 0;
  if (!told_) {
    host::log(PROXY_WARN, "the queue can't be registered yet (is it granted, with capabilities: {sharedData: true}?)");
  }
  told_ = true;
  return false;
}

void Shipper::fill() {
  while (lines_ < settings_.most_lines) {
    if (next_.empty()) {
      char *data = nullptr;
      size_t size = 0;
      if (proxy_dequeue_shared_queue(queue_, &data, &size) != PROXY_OK) {
        waiting_ = 0;
        return;
      }
      if (waiting_ > 0) waiting_--;
      next_.assign(data != nullptr ? data : "", data != nullptr ? size : 0);
      free(data);
      // Whoever put that there: one line is one line.
      std::replace(next_.begin(), next_.end(), '\n', ' ');
      if (next_.empty()) continue;
      if (next_.size() >= settings_.most_bytes) {
        next_.clear();
        dropped_.add(1);
        continue;
      }
    }
    if (batch_.size() + next_.size() + 1 > settings_.most_bytes) return;
    batch_ += next_;
    batch_ += '\n';
    next_.clear();
    lines_++;
  }
}

bool Shipper::send() {
  const proxy_status_t status =
      proxy_http_call(settings_.upstream.data(), settings_.upstream.size(), pairs_.data(), pairs_.size(), batch_.data(),
                      batch_.size(), nullptr, 0, settings_.timeout, &call_);
  if (status == PROXY_OK) return true;
  call_ = 0;
  if (status == PROXY_BAD_ARGUMENT && attempts_ == 0) {
    host::log(PROXY_ERROR, settings_.upstream + ": the host refuses the call (is it an upstream, and granted with " +
                               "capabilities: {upstreams: [" + settings_.upstream + "]}?)");
  }
  failed(0);
  return false;
}

void Shipper::work() {
  if (call_ != 0 || pause_ > 0 || !registered()) return;
  // What is sent again stays the same batch: one bad line must not take others with it.
  if (attempts_ == 0) fill();
  if (lines_ > 0) send();
}

void Shipper::tick() {
  if (pause_ > 0) pause_--;
  work();
}

void Shipper::ready() {
  waiting_++;
  // A full batch needn't wait for the tick.
  if (waiting_ >= settings_.most_lines) work();
}

void Shipper::answer(uint32_t call, uint32_t status) {
  if (call_ == 0 || call != call_) return;
  call_ = 0;
  if (status >= 200 && status < 300) {
    shipped_.add(lines_);
    if (attempts_ > 0) host::log(PROXY_INFO, settings_.upstream + " takes lines again");
    batch_.clear();
    lines_ = attempts_ = 0;
    // What came in the meantime makes the next batch, as soon as it is worth one; the rest waits for the tick.
    if (ending_ || waiting_ >= settings_.most_lines || !next_.empty()) work();
  } else {
    failed(status);
  }
  if (ending_ && call_ == 0) proxy_done();
}

void Shipper::failed(uint32_t status) {
  failed_.add(1);
  attempts_++;
  const std::string why = status == 0 ? "no answer" : "status " + std::to_string(status);
  const bool again = !ending_ && may_pass_later(status) && attempts_ <= settings_.retries;
  if (again && attempts_ == 1) {
    host::log(PROXY_WARN, settings_.upstream + " takes no lines (" + why + "); they are sent again");
  }
  if (again) {
    // 1, 2, 4 ticks and so on.
    pause_ = std::min(uint32_t(1) << std::min(attempts_ - 1, uint32_t(6)), kMostPause);
    return;
  }
  host::log(PROXY_WARN, settings_.upstream + ": " + std::to_string(lines_) + " lines are dropped (" + why + ")");
  drop();
}

void Shipper::drop() {
  dropped_.add(lines_);
  batch_.clear();
  lines_ = attempts_ = 0;
}

bool Shipper::done() {
  ending_ = true;
  pause_ = 0;
  proxy_set_tick_period_milliseconds(0);
  work();
  return call_ == 0;
}
