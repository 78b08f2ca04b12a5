// Control planes and etcd clusters on loopback, started for a benchmark; they end with this object.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace skiff::bench {

class Servers {
 public:
  // A control plane without nodes, of as many members, all of them voters, until they serve.
  static absl::StatusOr<std::unique_ptr<Servers>> StartSkiff(const std::string& dir,
                                                             int members = 1);
  // etcd with as many members, until they take a put; fsync as it comes.
  static absl::StatusOr<std::unique_ptr<Servers>> StartEtcd(const std::string& dir, int members);
  ~Servers();

  const std::vector<int>& ports() const { return ports_; }
  // Which member of ours leads, as it says itself; -1: none.
  int Leader() const;
  // Kills a member of ours as the kernel does, and starts it again, until it serves, at another
  // port.
  void Kill(int member);
  absl::Status Restart(int member);
  // Of all members.
  double resident_mib() const;

 private:
  struct Command {  // Of each of ours.
    std::vector<std::string> words;
    std::string log;
    std::string data_dir;
  };

  Servers() = default;
  absl::Status AddSkiff(Command command);
  std::vector<int> pids_;
  std::vector<int> ports_;
  std::vector<Command> commands_;
};

// What the files of a directory take on disk.
double DiskMib(const std::string& dir);

}  // namespace skiff::bench
