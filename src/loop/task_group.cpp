#include <utility>

#include <spate/fatal.hpp>
#include <spate/task_group.hpp>

namespace spate {

TaskGroup::~TaskGroup() {
    if (running_ != 0)
        detail::die("a TaskGroup was destroyed while its tasks run; join() it first");
}

void TaskGroup::spawn(Task<Result<void>> task) {
    ++running_;
    loop_.spawn(run(*this, std::move(task)), stop_.token());
}

void TaskGroup::spawn(Task<void> task) {
    ++running_;
    loop_.spawn(run(*this, std::move(task)), stop_.token());
}

// The task dies before its end is told: its arguments may refer to what lives until the join.
Task<void> TaskGroup::run(TaskGroup& group, Task<Result<void>> task) {
    Result<void> result;
    {
        Task<Result<void>> own = std::move(task);
        result = co_await own;
    }
    group.ended(result);
}

Task<void> TaskGroup::run(TaskGroup& group, Task<void> task) {
    {
        Task<void> own = std::move(task);
        co_await own;
    }
    group.ended({});
}

void TaskGroup::ended(const Result<void>& result) {
    if (!result && !first_error_) {
        first_error_ = result.error();
        stop_.request_stop();
    }
    // The group may be gone when the joiner has run.
    if (--running_ == 0 && joiner_) std::exchange(joiner_, {}).resume();
}

void TaskGroup::Join::start(std::coroutine_handle<> waiter, StopToken stop) {
    if (group_.joiner_) detail::die("one coroutine joins a TaskGroup");
    group_.joiner_ = waiter;
    if (!enlist(stop, &stopped)) group_.request_stop();
}

void TaskGroup::Join::stopped(StopWaiter& waiter) {
    static_cast<Join&>(waiter).group_.request_stop();
}

Result<void> TaskGroup::Join::await_resume() const {
    if (group_.first_error_) return std::unexpected(*group_.first_error_);
    return {};
}

}  // namespace spate
