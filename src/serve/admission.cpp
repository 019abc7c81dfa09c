#include "serve/admission.hpp"

namespace spate::serve {

bool Admission::counts(const std::string& host) const {
    return counts_hosts() && !host.starts_with("unix:");
}

bool Admission::enter(const std::string& host) {
    if (counts(host)) {
        std::lock_guard lock(mutex_);
        std::uint64_t& count = by_host_[host];
        if (count >= most_per_host_) return false;
        ++count;
    }
    open_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void Admission::leave(const std::string& host) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    if (!counts(host)) return;
    std::lock_guard lock(mutex_);
    const auto found = by_host_.find(host);
    if (--found->second == 0) by_host_.erase(found);
}

}  // namespace spate::serve
