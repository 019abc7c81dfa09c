#include <cerrno>
#include <new>
#include <utility>

#include <spate/fatal.hpp>
#include <spate/task_group.hpp>

namespace spate {

TaskGroup::~TaskGroup() {
    if (running_ != 0)
        detail::die("a TaskGroup was destroyed while its tasks run; join() it first");
}

void TaskGroup::spawn(Task<Result<void>> task) {
    begin(run(*this, std::move(task)));
}

void TaskGroup::spawn(Task<void> task) {
    begin(run(*this, std::move(task)));
}

// Without memory for it a task has failed; that of the group is not the end of the program.
void TaskGroup::begin(Task<void> task) {
    ++running_;
    try {
        loop_.spawn(std::move(task), stop_.token());
    } catch (const std::bad_alloc&) {
        ended(fail(ENOMEM, "spawn"));
    }
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
    Result<void> result;
    {
        Task<void> own = std::move(task);
        try {
            co_await own;
        } catch (const std::bad_alloc&) {
            result = fail(ENOMEM, "allocate");
        }
    }
    group.ended(result);
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
