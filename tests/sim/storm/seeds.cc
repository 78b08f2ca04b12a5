#include "tests/sim/storm/seeds.h"

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace skiff::sim {

bool Seeds::Parse(int argc, char** argv, const SeedsOption& own) {
  const SeedsOption options[] = {{"--from", &from},
                                 {"--seeds", &seeds},
                                 {"--stride", &stride},
                                 {"--members", &members},
                                 {"--seconds", &seconds},
                                 own,
                                 {"--twice", nullptr, &twice},
                                 {"--verbose", nullptr, &verbose}};
  bool right = true;
  for (int i = 1; i < argc && right; ++i) {
    right = false;
    for (const SeedsOption& option : options) {
      if (absl::string_view(argv[i]) != option.name) continue;
      if (option.number == nullptr) {
        right = *option.flag = true;
      } else {
        right = ++i < argc && absl::SimpleAtoi(argv[i], option.number);
      }
      break;
    }
  }
  if (right && stride > 0 && members > 0 && (own.number == nullptr || *own.number > 0)) {
    return true;
  }
  fprintf(stderr, "usage: %s", argv[0]);
  for (const SeedsOption& option : options) {
    fprintf(stderr, " [%s%s]", option.name, option.number == nullptr ? "" : " N");
  }
  fprintf(stderr, "\n");
  return false;
}

}  // namespace skiff::sim
