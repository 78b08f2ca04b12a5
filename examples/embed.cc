// The same in C++.
//
//   c++ -std=c++20 examples/embed.cc -Iinclude -Lbuild -lskiff -Wl,-rpath,build
//       $(pkg-config --libs absl_status absl_statusor absl_time) -o embed && ./embed
#include <iostream>

#include "skiff/cluster.h"

int main() {
  skiff::ClusterOptions options;
  options.runtime = skiff::RuntimeKind::kFake;
  auto cluster = skiff::Cluster::Open(options);
  if (!cluster.ok()) {
    std::cerr << cluster.status() << "\n";
    return 1;
  }
  const auto applied = (*cluster)->Apply(R"(
apiVersion: batch/v1
kind: Job
metadata: {name: hello}
spec:
  template:
    metadata: {annotations: {fake.skiff.dev/run-seconds: "0"}}
    spec: {restartPolicy: Never, containers: [{name: hello, image: hello:v1}]}
)");
  const auto result = (*cluster)->WaitJob({"jobs", "default", "hello"}, absl::Seconds(10));
  std::cout << applied.status() << ", " << (result.ok() ? result->reason : "no result") << "\n";
  return (*cluster)->Close(true).ok() && result.ok() ? 0 : 1;
}
