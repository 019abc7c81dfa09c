// What tests on the simulated kernel share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "../kernel/kernel_test.hpp"
#include "../seeds.hpp"
#include "simulated_kernel.hpp"

namespace spate::sim {

inline constexpr LoopOptions small{
    .submissions = 16, .completions = 128, .receive_buffers = 8, .receive_buffer_size = 64};

class SimTest : public test::LoopTest {
  protected:
    void SetUp() override {}

    // Runs the task that `body` makes on a loop upon `policy`; all must be joined at its end.
    template <typename Body>
    void simulate(Policy& policy, Body&& body) {
        SimulatedKernel kernel(policy);
        LoopOptions options = small;
        options.kernel = kernel.calls();
        open_loop(options);
        auto task = body();
        run(std::move(task));
        EXPECT_EQ(kernel.pending(), 0U);
        EXPECT_EQ(loop().receive_buffers().available(), small.receive_buffers);
        close_loop();
    }
};

inline std::uint64_t seeds() {
    return test::seeds(40);
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

inline std::string text_of(std::size_t length, std::size_t seed) {
    std::string text(length, '\0');
    for (std::size_t i = 0; i < length; ++i)
        text[i] = static_cast<char>('a' + (seed + i * i) % 26);
    return text;
}

}  // namespace spate::sim
