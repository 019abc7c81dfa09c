#include <cerrno>

#include <spate/condition.hpp>
#include <spate/fatal.hpp>

namespace spate {
namespace detail {

WaitList::~WaitList() {
    if (first_ != nullptr)
        die("a Condition, Semaphore or Channel was destroyed while it is awaited");
}

bool WaitList::Waiter::wait(std::coroutine_handle<> waiter, StopToken stop) {
    if (!enlist(stop, &stopped)) return false;
    loop_ = &Loop::of_waiter();
    waiter_ = waiter;
    previous_ = list_.last_;
    (list_.last_ != nullptr ? list_.last_->next_ : list_.first_) = this;
    list_.last_ = this;
    return true;
}

void WaitList::Waiter::stopped(StopWaiter& self) {
    auto& waiter = static_cast<Waiter&>(self);
    waiter.list_.remove(waiter);
    waiter.loop_->ready(waiter.waiter_);
}

bool WaitList::wake_one() {
    if (first_ == nullptr) return false;
    Waiter& waiter = *first_;
    remove(waiter);
    waiter.leave();
    waiter.woken_ = true;
    waiter.loop_->ready(waiter.waiter_);
    return true;
}

void WaitList::remove(Waiter& waiter) {
    (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
    (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
}

}  // namespace detail

// While somebody waits none is free.
bool Semaphore::take() {
    if (free_ == 0) return false;
    --free_;
    return true;
}

// A permit goes from hand to hand: nobody comes in between.
void Semaphore::give_back() {
    if (!waiters_.wake_one()) ++free_;
}

Semaphore::Permit Semaphore::try_acquire() {
    return take() ? Permit(*this) : Permit();
}

bool Semaphore::Acquire::start(std::coroutine_handle<> waiter, StopToken stop) {
    if (stop.stop_requested()) return false;
    taken_ = semaphore_.take();
    return !taken_ && waiter_.wait(waiter, stop);
}

Result<Semaphore::Permit> Semaphore::Acquire::await_resume() {
    if (taken_ || waiter_.woken()) return Permit(semaphore_);
    return fail(ECANCELED, "acquire");
}

}  // namespace spate
