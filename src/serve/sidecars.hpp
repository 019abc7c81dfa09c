// Which folders hold no sidecar at all. Per core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <spate/file.hpp>
#include <spate/loop.hpp>
#include <spate/task.hpp>
#include <spate/time.hpp>

#include "serve/site.hpp"

namespace spate::serve {

/// Most folders have no NAME.br, .zst or .gz, and to look for the three beside each file costs as
/// much as the file. A folder that is asked about often is read once, on a helper thread; what was
/// found holds while the folder's time of last change does, which is looked at once a second.
class Sidecars {
  public:
    static constexpr Duration belief = std::chrono::seconds(1);
    /// Reading a folder costs more than looking beside a few files.
    static constexpr unsigned worth_reading = 16;

    Sidecars(Loop& loop, Site& site) : loop_(loop), site_(site) {}

    /// True if there is nothing to be found beside a file at `path`; false also if that is not
    /// known.
    [[nodiscard]] bool none_beside(std::string_view path);

    /// Whether a folder is being read. For tests.
    [[nodiscard]] bool is_reading() const { return reading_ != 0; }

  private:
    struct Folder {
        bool bare = false;  ///< Has no sidecar, and had `status` when it was read.
        bool being_read = false;
        unsigned asked = 0;  ///< Since it was read.
        FileStatus status;
        TimePoint checked;
        TimePoint read_again;  ///< Not before.
    };
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    [[nodiscard]] Folder& remembered(std::string_view path);
    [[nodiscard]] bool still_bare(std::string_view path, Folder& folder) const;
    Task<void> read_or_forget(std::string path);
    Task<void> read(const std::string& path);

    Loop& loop_;
    Site& site_;
    std::size_t reading_ = 0;  // folders
    std::unordered_map<std::string, Folder, Hash, std::equal_to<>> folders_;
};

}  // namespace spate::serve
