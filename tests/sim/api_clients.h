// Clients of a control plane of several members: each of whichever member it likes, cut off or not,
// reads objects and writes them, mostly if they still are as it saw them, and records what it is
// answered.
//
// Threads: the driver of the virtual time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/rng.h"
#include "cluster/member_group.h"
#include "tests/sim/storm_record.h"

namespace skiff::sim {

class ApiClients {
 public:
  // What is given outlives it; nothing is to be due on `loop` when it goes.
  ApiClients(int clients, Rng rng, cluster::MemberGroup* group, Executor* loop,
             StormRecord* record);

  void Start();
  // They begin nothing more.
  void Stop() { running_ = false; }
  // Every object, at every member.
  void ReadEverything();

  int64_t open() const { return open_; }  // Operations without an answer.
  int64_t acknowledged() const { return acknowledged_; }
  int64_t unknown() const { return unknown_; }  // Or refused.
  int64_t reads() const { return reads_; }

 private:
  absl::Duration Between(int least_ms, int most_ms);
  void Step(int client);
  void Read(int client, int member, const std::string& name, const std::function<void()>& next);
  void Write(int client, int member, const std::string& name, const std::function<void()>& next);
  void OnWritten(size_t record, const Operation& asked,
                 const absl::StatusOr<client::WriteResult>& result);

  const int clients_;
  Rng rng_;
  cluster::MemberGroup* const group_;
  Executor* const loop_;
  StormRecord* const record_;
  bool running_ = false;
  std::map<std::string, uint64_t> glimpse_;  // What somebody saw of a key lately: its revision.
  int64_t next_value_ = 1;
  int64_t open_ = 0;
  int64_t acknowledged_ = 0;
  int64_t unknown_ = 0;
  int64_t reads_ = 0;
};

}  // namespace skiff::sim
