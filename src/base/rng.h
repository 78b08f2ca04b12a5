// Randomness, injected and seedable: a simulated cluster replays exactly from one seed.
//
// Threads: an Rng belongs to one thread.
#pragma once

#include <cstdint>
#include <string>

namespace skiff {

// xoshiro256** by Blackman and Vigna (https://prng.di.unimi.it), seeded by splitmix64. Fast and
// reproducible, not for secrets: those come from OpenSSL's RAND_bytes.
class Rng {
 public:
  explicit Rng(uint64_t seed);
  // Seeded from the kernel's getrandom(2).
  static Rng FromSystem();

  uint64_t Next();
  // Uniform in [0, bound); bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [0, 1).
  double Unit();
  // `length` characters of Kubernetes' name suffix alphabet (bcdfghjklmnpqrstvwxz2456789).
  std::string NameSuffix(int length);
  // A version 4 UUID (RFC 4122 section 4.4), in its 36 character form.
  std::string Uuid();

 private:
  uint64_t state_[4];
};

}  // namespace skiff
