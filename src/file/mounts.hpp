// What is mounted beneath a folder, and which of it may stop answering.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <spate/fd.hpp>
#include <spate/file.hpp>
#include <spate/offload.hpp>
#include <spate/result.hpp>

namespace spate {

/// A line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
struct Mount {
    std::uint64_t id = 0;
    std::string device;  ///< "0:45", as in stx_dev and st_dev.
    std::string point;   ///< Absolute, without the octal escapes.
    std::string type;    ///< "ext4", "fuse.sshfs".
};
/// Lines that are not understood are left out.
std::vector<Mount> parse_mounts(std::string_view text);

/// Whether a file system of this type answers by itself: a disk of this machine, or its memory.
/// Asked by name, since statfs(2), which tells a number, asks the server of a FUSE file system.
bool is_local_type(std::string_view type);

/// The mount table as it concerns one folder. For all threads.
class Mounts {
  public:
    /// Opens the table before a process confines itself (landlock(7)) and keeps it open.
    /// Errors: there is no /proc.
    static Result<std::unique_ptr<Mounts>> open(int folder, Offload offload, Duration patience);

    /// What lies on the way from the folder to a path beneath it, by the names alone.
    struct Way {
        bool crosses = false;                      ///< Into another mount.
        std::shared_ptr<const RemoteDisk> remote;  ///< The last that is not local; may be null.
    };
    [[nodiscard]] Way way_to(std::string_view path);
    /// Where an open file lies; nullptr if that is local. Does not ask its file system.
    [[nodiscard]] std::shared_ptr<const RemoteDisk> disk_of(int fd);
    /// Stands in for a disk that is not known before a link has been followed.
    [[nodiscard]] const std::shared_ptr<const RemoteDisk>& behind_links() const { return links_; }

  private:
    Mounts(Fd table, std::string folder, Offload offload, Duration patience);
    void refresh();
    void read();
    std::shared_ptr<const RemoteDisk> make_disk(std::string name) const;

    struct Known {
        std::string beneath;  // the folder: "a/b"; empty for what is not beneath it
        std::shared_ptr<const RemoteDisk> disk;
    };

    Fd table_;
    std::string folder_;
    Offload offload_;
    Duration patience_;
    std::shared_ptr<const RemoteDisk> links_;

    std::mutex mutex_;  // guards what follows
    std::map<std::uint64_t, Known> by_id_;
    TimePoint looked_{};
};

}  // namespace spate
