// Bytes of a connection that have arrived and are not yet dealt with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <spate/buffer.hpp>

namespace spate::serve {

/// A request that arrives whole, as nearly all do, is parsed where the kernel put it. Only what
/// comes in pieces, or before its turn, is copied. Empty, it holds no memory.
class Input {
  public:
    [[nodiscard]] std::string_view bytes() const {
        return std::string_view(copied_.empty() ? lease_.text() : std::string_view(copied_))
            .substr(consumed_);
    }
    [[nodiscard]] bool empty() const { return bytes().empty(); }

    void add(Lease lease) {
        if (empty()) {
            clear();
            lease_ = std::move(lease);
        } else {
            release();
            // Of a client that pipelines without end there is always some left.
            copied_.erase(0, consumed_);
            consumed_ = 0;
            copied_ += lease.text();
        }
    }

    void consume(std::size_t count) {
        consumed_ += count;
        if (empty()) clear();
    }

    /// Gives the received buffer back, before something that may take its time: others wait for
    /// buffers. Views of bytes() are void.
    void release() {
        if (lease_.empty()) return;
        copied_ = std::string(bytes());
        consumed_ = 0;
        lease_.reset();
    }

  private:
    void clear() {
        lease_.reset();
        if (!copied_.empty()) copied_ = std::string();
        consumed_ = 0;
    }

    Lease lease_;
    std::string copied_;  // instead of lease_
    std::size_t consumed_ = 0;
};

}  // namespace spate::serve
