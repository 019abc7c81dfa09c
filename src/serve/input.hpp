// Bytes of a connection that have arrived and are not yet dealt with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include <spate/buffer.hpp>

namespace spate::serve {

/// A request that arrives whole, as nearly all do, is parsed where the kernel put it. Only what
/// comes in pieces, or before its turn, is copied. Empty, it holds no memory.
class Input {
  public:
    [[nodiscard]] std::string_view bytes() const {
        return copied_ != nullptr ? std::string_view(copied_.get() + begin_, end_ - begin_)
                                  : lease_.text().substr(begin_);
    }
    [[nodiscard]] bool empty() const { return bytes().empty(); }

    void add(Lease lease) {
        if (empty()) {
            clear();
            lease_ = std::move(lease);
        } else {
            release();
            append(lease.text());
        }
    }

    void consume(std::size_t count) {
        begin_ += static_cast<std::uint32_t>(count);
        if (empty()) clear();
    }

    /// Gives the received buffer back, before anything that may take its time, be it the peer's:
    /// others wait for buffers. Views of bytes() are void.
    void release() {
        if (lease_.empty()) return;
        const Lease lease = std::move(lease_);
        const std::string_view rest = lease.text().substr(std::exchange(begin_, 0));
        append(rest);
    }

  private:
    void append(std::string_view more) {
        if (end_ + more.size() > capacity_) make_room(end_ - begin_ + more.size());
        std::memcpy(copied_.get() + end_, more.data(), more.size());
        end_ += static_cast<std::uint32_t>(more.size());
    }

    // At the front, or in memory that is larger by a quarter: heads that come in pieces are short
    // enough for that, and there may be thousands that are never finished.
    void make_room(std::size_t size) {
        const std::size_t kept = end_ - begin_;
        if (size > capacity_) {
            const std::size_t room = std::max<std::size_t>(size, capacity_ + capacity_ / 4);
            capacity_ = static_cast<std::uint32_t>((room + step - 1) / step * step);
            auto grown = std::make_unique_for_overwrite<char[]>(capacity_);
            if (kept != 0) std::memcpy(grown.get(), copied_.get() + begin_, kept);
            copied_ = std::move(grown);
        } else if (kept != 0) {
            std::memmove(copied_.get(), copied_.get() + begin_, kept);
        }
        begin_ = 0;
        end_ = static_cast<std::uint32_t>(kept);
    }

    void clear() {
        lease_.reset();
        copied_.reset();
        capacity_ = begin_ = end_ = 0;
    }

    static constexpr std::size_t step = 64;

    Lease lease_;
    std::unique_ptr<char[]> copied_;  // instead of lease_
    std::uint32_t capacity_ = 0;
    std::uint32_t begin_ = 0;  // of bytes(), in either
    std::uint32_t end_ = 0;    // in copied_
};

}  // namespace spate::serve
