#include "file/mounts.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <utility>

namespace spate {
namespace {

// A table is read again at most this often, and then only if the kernel says that it changed.
constexpr auto shortest_belief = std::chrono::seconds(1);
constexpr std::size_t most_bytes = 16U << 20;

std::string_view next_word(std::string_view& line) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    return word;
}

// Space, tab, newline and backslash are written as \040 and so on.
std::string unescaped(std::string_view word) {
    std::string text;
    for (std::size_t i = 0; i < word.size(); ++i) {
        unsigned code = 0;
        const bool escape =
            word[i] == '\\' && i + 3 < word.size() &&
            std::from_chars(&word[i + 1], &word[i + 4], code, 8).ptr == &word[i + 4];
        text += escape ? static_cast<char>(code) : word[i];
        if (escape) i += 3;
    }
    return text;
}

// "36 35 98:0 /in/its/disk /mount/point rw,noatime master:1 - ext3 /dev/root rw"
bool parse_mount(std::string_view line, Mount& mount) {
    const std::string_view id = next_word(line);
    if (std::from_chars(id.data(), id.data() + id.size(), mount.id).ec != std::errc{}) return false;
    next_word(line);
    mount.device = next_word(line);
    next_word(line);
    mount.point = unescaped(next_word(line));
    const std::size_t separator = line.find("- ");
    if (separator == std::string_view::npos) return false;
    line.remove_prefix(separator + 2);
    mount.type = next_word(line);
    return !mount.type.empty();
}

// Beneath `folder`, relative to it; empty for what is not.
std::string_view beneath(std::string_view folder, std::string_view point) {
    if (folder == "/") folder = "";
    if (!point.starts_with(folder) || point.size() <= folder.size() + 1) return {};
    return point[folder.size()] == '/' ? point.substr(folder.size() + 1) : std::string_view{};
}

bool leads_through(std::string_view path, std::string_view point) {
    return path.starts_with(point) && (path.size() == point.size() || path[point.size()] == '/');
}

std::string path_of(int fd) {
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    std::array<char, PATH_MAX> path;
    const ssize_t length = ::readlink(link.c_str(), path.data(), path.size());
    return {path.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
}

}  // namespace

std::vector<Mount> parse_mounts(std::string_view text) {
    std::vector<Mount> mounts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        Mount mount;
        if (parse_mount(text.substr(0, end), mount)) mounts.push_back(std::move(mount));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return mounts;
}

bool is_local_type(std::string_view type) {
    static constexpr std::array local{
        "bcachefs", "btrfs", "cgroup", "cgroup2",  "cramfs", "devpts", "devtmpfs", "erofs",
        "exfat",    "ext2",  "ext3",   "ext4",     "f2fs",   "hfs",    "hfsplus",  "hugetlbfs",
        "iso9660",  "jffs2", "jfs",    "minix",    "msdos",  "nilfs2", "ntfs",     "ntfs3",
        "overlay",  "proc",  "ramfs",  "reiserfs", "romfs",  "rootfs", "squashfs", "sysfs",
        "tmpfs",    "ubifs", "udf",    "ufs",      "vfat",   "xfs",    "zfs",      "zonefs",
    };
    return std::ranges::find(local, type) != local.end();
}

Mounts::Mounts(Fd table, std::string folder, Offload offload, Duration patience)
    : table_(std::move(table)),
      folder_(std::move(folder)),
      offload_(std::move(offload)),
      patience_(patience),
      links_(make_disk("links")) {}

Result<std::unique_ptr<Mounts>> Mounts::open(int folder, Offload offload, Duration patience) {
    Fd table(::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC));
    if (!table) return fail(errno, "open");
    std::unique_ptr<Mounts> mounts(
        new Mounts(std::move(table), path_of(folder), std::move(offload), patience));
    mounts->read();
    return mounts;
}

std::shared_ptr<const RemoteDisk> Mounts::make_disk(std::string name) const {
    return std::make_shared<const RemoteDisk>(offload_, std::move(name), patience_);
}

void Mounts::refresh() {
    const TimePoint now = Clock::now();
    if (now - looked_ < shortest_belief) return;
    looked_ = now;
    pollfd changed{table_.get(), POLLPRI, 0};
    if (::poll(&changed, 1, 0) == 1) read();
}

// Where several are mounted at one point, the last covers the others.
void Mounts::read() {
    std::string text;
    std::array<char, 16384> piece;
    for (;;) {
        const ssize_t got =
            ::pread(table_.get(), piece.data(), piece.size(), static_cast<off_t>(text.size()));
        if (got <= 0 || text.size() > most_bytes) break;
        text.append(piece.data(), static_cast<std::size_t>(got));
    }
    by_id_.clear();
    for (const Mount& mount : parse_mounts(text)) {
        Known known{.beneath = std::string(beneath(folder_, mount.point)), .disk = nullptr};
        if (!is_local_type(mount.type)) known.disk = make_disk("disk " + mount.device);
        if (!known.beneath.empty())
            for (auto& [id, other] : by_id_)
                if (other.beneath == known.beneath) other.beneath.clear();
        by_id_[mount.id] = std::move(known);
    }
}

Mounts::Way Mounts::way_to(std::string_view path) {
    const std::lock_guard lock(mutex_);
    refresh();
    Way way;
    std::size_t longest = 0;
    for (const auto& [id, known] : by_id_) {
        if (known.beneath.empty() || !leads_through(path, known.beneath)) continue;
        way.crosses = true;
        if (known.disk == nullptr || known.beneath.size() < longest) continue;
        longest = known.beneath.size();
        way.remote = known.disk;
    }
    return way;
}

std::shared_ptr<const RemoteDisk> Mounts::disk_of(int fd) {
    struct statx status{};
    constexpr int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC;
    if (::statx(fd, "", flags, STATX_MNT_ID, &status) != 0 || (status.stx_mask & STATX_MNT_ID) == 0)
        return links_;
    const std::lock_guard lock(mutex_);
    refresh();
    const auto found = by_id_.find(status.stx_mnt_id);
    return found == by_id_.end() ? links_ : found->second.disk;
}

}  // namespace spate
