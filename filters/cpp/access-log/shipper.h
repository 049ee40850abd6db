// The root context "ship": takes lines from the queue and sends them in batches, one at a time.
#pragma once

#include "host.h"
#include "settings.h"

class Shipper {
 public:
  explicit Shipper(ShipSettings settings);

  void tick();
  // A line was put into the queue.
  void ready();
  // The answer to `call`; status 0: there is none.
  void answer(uint32_t call, uint32_t status);
  // Nothing more comes: sends what is there. True: there is nothing to wait for.
  bool done();

 private:
  // True: the queue is there.
  bool registered();
  // Takes what fits into one batch.
  void fill();
  // True: a batch is under way.
  bool send();
  // Batches until one is under way or nothing is left.
  void work();
  void failed(uint32_t status);
  void drop();

  ShipSettings settings_;
  std::string pairs_;      // headers of the request, serialized
  uint32_t queue_ = 0;     // 0: not registered
  bool told_ = false;      // that it can't be
  std::string batch_;      // what is under way, or has to be sent again
  std::string next_;       // a line that was taken, but didn't fit
  size_t lines_ = 0;       // in the batch
  size_t waiting_ = 0;     // in the queue, as far as the host told
  uint32_t call_ = 0;      // 0: none
  uint32_t attempts_ = 0;  // of this batch that failed
  uint32_t pause_ = 0;     // ticks until the next attempt
  bool ending_ = false;
  host::Counter shipped_, dropped_, failed_;
};
