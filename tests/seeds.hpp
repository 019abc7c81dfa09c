// How many seeds a seeded test tries. One environment variable goes for all of them, in C++ and in
// Python (tests/cli/seeds.py): SPATE_SEEDS=0.1 is a tenth of what each tries otherwise, for builds
// with sanitizers; SPATE_SEEDS=100 a soak.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace spate::test {

// `usual` times SPATE_SEEDS, and at least one.
inline std::uint64_t seeds(std::uint64_t usual) {
    const char* wanted = std::getenv("SPATE_SEEDS");
    const double factor = wanted != nullptr ? std::strtod(wanted, nullptr) : 1;
    return std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(static_cast<double>(usual) * std::max(factor, 0.0)));
}

}  // namespace spate::test
