// Tasks side by side whose results are wanted: the first one's, or all.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <spate/stop.hpp>
#include <spate/task.hpp>

namespace spate {

namespace detail {

// What a task's result is in a tuple or variant.
template <typename T>
using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <typename T>
Task<Value<T>> value_of(Task<T>& task) {
    if constexpr (std::is_void_v<T>) {
        co_await task;
        co_return std::monostate{};
    } else {
        co_return co_await task;
    }
}

// Awaitable: the end of all who began.
class Branches {
  public:
    void begin() { ++running_; }
    void end() {
        // It may be gone when the joiner has run.
        if (--running_ == 0 && joiner_) std::exchange(joiner_, {}).resume();
    }
    [[nodiscard]] bool await_ready() const { return running_ == 0; }
    void await_suspend(std::coroutine_handle<> joiner) { joiner_ = joiner; }
    void await_resume() const {}

  private:
    std::size_t running_ = 0;
    std::coroutine_handle<> joiner_;
};

template <std::size_t Index, typename T, typename Variant>
Detached race(StopToken, Task<T>& task, StopSource& stop, std::optional<Variant>& first,
              Branches& branches) {
    branches.begin();
    Value<T> value = co_await value_of(task);
    if (!first) first.emplace(std::in_place_index<Index>, std::move(value));
    stop.request_stop();
    branches.end();
}

template <typename T>
Detached finish(StopToken, Task<T>& task, std::optional<Value<T>>& value, Branches& branches) {
    branches.begin();
    Value<T> result = co_await value_of(task);
    value.emplace(std::move(result));
    branches.end();
}

}  // namespace detail

/// Runs all at once until the first has ended, stops the others and waits for their ends. Gives a
/// std::variant: its index() tells which was first, the value is its result (std::monostate of a
/// Task<void>). What the others give is dropped.
template <typename... Ts>
Task<std::variant<detail::Value<Ts>...>> when_any(Task<Ts>... tasks) {
    const StopToken ambient = co_await current_stop();
    StopSource stop(ambient);
    std::optional<std::variant<detail::Value<Ts>...>> first;
    detail::Branches branches;
    const auto start = [&]<std::size_t... Index>(std::index_sequence<Index...>) {
        // One that ends at once lets the rest not begin.
        ((first ? void() : void(detail::race<Index>(stop.token(), tasks, stop, first, branches))),
         ...);
    };
    start(std::index_sequence_for<Ts...>());
    co_await branches;
    co_return std::move(*first);
}

/// Runs all at once to their ends. Gives a std::tuple of their results (std::monostate of a
/// Task<void>). No result stops the others: a TaskGroup does that.
template <typename... Ts>
Task<std::tuple<detail::Value<Ts>...>> when_all(Task<Ts>... tasks) {
    const StopToken ambient = co_await current_stop();
    std::tuple<std::optional<detail::Value<Ts>>...> values;
    detail::Branches branches;
    std::apply([&](auto&... value) { (detail::finish(ambient, tasks, value, branches), ...); },
               values);
    co_await branches;
    co_return std::apply(
        [](auto&... value) { return std::tuple<detail::Value<Ts>...>(std::move(*value)...); },
        values);
}

/// The same for any number of one kind: a std::vector of their results, in the order of the tasks.
template <typename T>
Task<std::vector<detail::Value<T>>> when_all(std::vector<Task<T>> tasks) {
    const StopToken ambient = co_await current_stop();
    std::vector<std::optional<detail::Value<T>>> values(tasks.size());
    detail::Branches branches;
    for (std::size_t index = 0; index < tasks.size(); ++index)
        detail::finish(ambient, tasks[index], values[index], branches);
    co_await branches;
    std::vector<detail::Value<T>> results;
    results.reserve(values.size());
    for (auto& value : values)
        results.push_back(std::move(*value));
    co_return results;
}

}  // namespace spate
