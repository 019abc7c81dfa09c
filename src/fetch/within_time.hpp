// What a file or folder has until it is given up: until --max-time is over, or a signal comes.
#pragma once

#include <cerrno>
#include <expected>
#include <utility>

#include <spate/stop.hpp>
#include <spate/task.hpp>
#include <spate/timeout.hpp>

#include "fetch/outcome.hpp"
#include "fetch/session.hpp"

namespace spate::fetch {

// Whatever failed, it failed because it was asked to stop: with_timeout() knows that by ECANCELED.
template <typename T>
Task<Result<std::expected<T, Failure>>> unless_stopped(Task<std::expected<T, Failure>> task) {
    using Ended = Result<std::expected<T, Failure>>;
    const StopToken stop = co_await current_stop();
    std::expected<T, Failure> result = co_await task;
    if (!result && stop.stop_requested()) co_return fail(ECANCELED, "fetch");
    co_return Ended(std::in_place, std::move(result));
}

/// Runs `task` for --max-time at most. If it fails as that is over, or as the session was stopped,
/// this is its failure; what is done by then stands.
template <typename T>
Task<std::expected<T, Failure>> within_time(Session& session,
                                            Task<std::expected<T, Failure>> task) {
    const Duration most = session.options.most_time;
    auto stoppable = unless_stopped(std::move(task));
    auto limited = with_timeout(session.loop, most > Duration{0} ? most : Duration::max(),
                                std::move(stoppable));
    auto ended = co_await limited;
    if (ended) co_return std::move(*ended);
    switch (ended.error().code) {
        case ECANCELED:
            co_return std::unexpected(session.interrupted);
        case ETIMEDOUT:
            co_return std::unexpected(out_of_time());
        default:
            co_return std::unexpected(Failure{Exit::file, ended.error().message()});
    }
}

}  // namespace spate::fetch
