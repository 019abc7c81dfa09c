// A program of one task.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>

namespace spate {

namespace detail {

template <typename T>
struct ResultOf {
    using Type = Result<T>;
};
template <typename T>
struct ResultOf<Result<T>> {
    using Type = Result<T>;
};

template <typename T>
Task<void> finish_loop(Loop& loop, Task<T> task, typename ResultOf<T>::Type& result) {
    if constexpr (std::is_void_v<T>)
        co_await task;
    else
        result = co_await task;
    loop.stop();
}

}  // namespace detail

/// Runs the task that `main(loop)` gives on a loop of its own, to its end and that of all that it
/// spawned; gives its result, or the error of opening the loop (see explain_ring_error()).
///
///     int main() {
///         auto served = spate::block_on(serve);
///         return served ? 0 : 1;
///     }
template <std::invocable<Loop&> Main>
[[nodiscard]] auto block_on(Main&& main, const LoopOptions& options = {}) {
    auto opened = Loop::open(options);
    using Made = std::invoke_result_t<Main, Loop&>;
    const auto run = [&]<typename T>(std::type_identity<Task<T>>) {
        typename detail::ResultOf<T>::Type result = fail(ECANCELED, "block_on");
        if (!opened) return result = std::unexpected(opened.error());
        Loop& loop = **opened;
        if constexpr (std::is_void_v<T>) result = {};
        loop.spawn(detail::finish_loop(loop, std::invoke(main, loop), result));
        loop.run();
        return result;
    };
    return run(std::type_identity<Made>());
}

/// The same for a task that needs no loop to be made: it finds Loop::current().
template <typename T>
[[nodiscard]] auto block_on(Task<T> task, const LoopOptions& options = {}) {
    return block_on([&](Loop&) { return std::move(task); }, options);
}

}  // namespace spate
