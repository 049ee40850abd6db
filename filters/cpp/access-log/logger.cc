#include "logger.h"

#include "json_line.h"

namespace {

using namespace std::string_view_literals;

void text(JsonLine &line, std::string_view key, const std::optional<std::string> &value) {
  if (value && !value->empty()) line.text(key, *value);
}

void number(JsonLine &line, std::string_view key, std::string_view path) {
  if (const std::optional<int64_t> value = host::number(path)) line.number(key, *value);
}

void headers(JsonLine &line, std::string_view key, proxy_map_t map, const std::vector<std::string> &names) {
  if (names.empty()) return;
  line.begin(key);
  for (const std::string &name : names) text(line, name, host::header(map, name));
  line.end();
}

}  // namespace

Logger::Logger(LogSettings settings)
    : settings_(std::move(settings)), vm_id_(host::property("plugin_vm_id"sv).value_or("")) {
  queued_.define("access_log_queued");
  dropped_.define("access_log_dropped");
}

std::string Logger::line() const {
  JsonLine line;
  line.time("time", host::number("request\0time"sv).value_or(0));
  text(line, "method", host::property("request\0method"sv));
  text(line, "path", host::property(settings_.query ? "request\0path"sv : "request\0url_path"sv));
  text(line, "authority", host::property("request\0host"sv));
  text(line, "protocol", host::property("request\0protocol"sv));
  number(line, "status", "response\0code"sv);
  text(line, "details", host::property("response\0code_details"sv));
  if (const auto duration = host::number("request\0duration"sv)) line.milliseconds("duration_ms", *duration);
  number(line, "bytes_received", "request\0size"sv);
  number(line, "bytes_sent", "response\0size"sv);
  text(line, "source", host::property("source\0address"sv));
  text(line, "user_agent", host::property("request\0useragent"sv));
  text(line, "request_id", host::property("request\0id"sv));
  text(line, "route", host::property("route_name"sv));
  text(line, "upstream", host::property("cluster_name"sv));
  text(line, "upstream_address", host::property("upstream\0address"sv));
  headers(line, "request_headers", PROXY_HTTP_REQUEST_HEADERS, settings_.request);
  headers(line, "response_headers", PROXY_HTTP_RESPONSE_HEADERS, settings_.response);
  return std::move(line).finish();
}

bool Logger::enqueue(std::string_view line) {
  // Whoever ships registers the queue, maybe later than this filter starts.
  if (queue_ == 0 && proxy_resolve_shared_queue(vm_id_.data(), vm_id_.size(), settings_.queue.data(),
                                                settings_.queue.size(), &queue_) != PROXY_OK) {
    queue_ = 0;
    return false;
  }
  const proxy_status_t status = proxy_enqueue_shared_queue(queue_, line.data(), line.size());
  if (status == PROXY_NOT_FOUND) queue_ = 0;  // the store was emptied: look again
  return status == PROXY_OK;
}

void Logger::log() {
  if (enqueue(line())) {
    queued_.add(1);
    return;
  }
  dropped_.add(1);
  // The first, the tenth, the hundredth: a log of its own must not be flooded.
  if (++lost_ != tell_) return;
  tell_ *= 10;
  const std::string reason =
      queue_ == 0 ? "nobody has registered the queue (a service with rootId: ship does, with capabilities: {sharedData: "
                    "true} for both)"
                  : "the queue is full, or can't be reached";
  host::log(PROXY_WARN, "lines dropped so far: " + std::to_string(lost_) + "; " + reason);
}
