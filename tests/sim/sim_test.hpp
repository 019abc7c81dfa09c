// What tests on the simulated kernel share.
#pragma once

#include <cstdint>
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

}  // namespace spate::sim
