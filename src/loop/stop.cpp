#include <utility>

#include <spate/fatal.hpp>
#include <spate/stop.hpp>

namespace spate {

bool StopWaiter::add_to(StopSource& source, Callback callback) {
    if (next_ != nullptr) detail::die("a StopWaiter was enlisted twice");
    if (source.requested_) return false;
    callback_ = callback;
    StopWaiter& head = source.list_;
    next_ = &head;
    previous_ = head.previous_;
    head.previous_ = previous_->next_ = this;
    return true;
}

void StopWaiter::remove() {
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = nullptr;
}

StopSource::StopSource(StopToken parent) : StopSource() {
    requested_ = !link_.enlist(parent, &parent_stopped);
}

StopSource::~StopSource() {
    if (list_.next_ != &list_)
        detail::die("a StopSource was destroyed while something waits under it",
                    reinterpret_cast<const void*>(list_.next_->callback_));
}

void StopSource::request_stop() {
    if (std::exchange(requested_, true)) return;
    // Nobody enlists any more, so that this ends; who is gone is not called.
    while (list_.next_ != &list_) {
        StopWaiter& waiter = *list_.next_;
        waiter.leave();
        waiter.callback_(waiter);
    }
}

}  // namespace spate
