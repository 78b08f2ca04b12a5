// One write, made and answered before anything else happens in virtual time.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "apiserver/rest/server.h"
#include "base/sim_executor.h"

namespace skiff {

// `loop` is one of the simulation's.
inline absl::StatusOr<client::WriteResult> CommitNow(apiserver::Server* server, Simulation* sim,
                                                     Executor* loop, client::Write write) {
  std::vector<client::Write> writes;
  writes.push_back(std::move(write));
  std::optional<absl::StatusOr<client::WriteResult>> out;
  server->Commit(std::move(writes), loop,
                 [&](absl::StatusOr<client::WriteResult> result) { out = std::move(result); });
  sim->RunDue();
  REQUIRE(out.has_value());
  return *std::move(out);
}

}  // namespace skiff
