// Files that were asked for lately, per core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <spate/time.hpp>

#include "serve/representation.hpp"

namespace spate::serve {

/// Least recently used, bounded in bytes and in descriptors. What it holds is believed for a
/// second, then looked at again: a change shows after that at the latest.
class FileCache {
  public:
    static constexpr Duration belief = std::chrono::seconds(1);

    FileCache(std::uint64_t most_bytes, std::size_t most_descriptors)
        : most_bytes_(most_bytes), most_descriptors_(most_descriptors) {}

    [[nodiscard]] bool enabled() const { return most_bytes_ != 0; }
    /// nullptr if it is not there, or no longer to be believed.
    [[nodiscard]] std::shared_ptr<Variants> find(std::string_view path, TimePoint now);
    void insert(std::string_view path, std::shared_ptr<Variants> variants, TimePoint now);

  private:
    struct Entry {
        std::string path;
        std::shared_ptr<Variants> variants;
        std::size_t weight;
        TimePoint checked;
        TimePoint looked;  // the turn of the loop in which its descriptor was last asked
    };
    using Entries = std::list<Entry>;  // most recently used first

    void erase(Entries::iterator entry);

    std::uint64_t most_bytes_;
    std::size_t most_descriptors_;
    std::uint64_t bytes_ = 0;
    std::size_t descriptors_ = 0;
    Entries entries_;
    std::unordered_map<std::string_view, Entries::iterator> by_path_;
};

}  // namespace spate::serve
