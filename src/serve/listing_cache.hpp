// Rendered listings of folders: shared by all cores, bounded in sum, a second old at most.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <spate/file.hpp>
#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/time.hpp>

#include "serve/listing.hpp"

namespace spate::serve {

/// A rendered listing, the same bytes for all who are sent it. They lie in memory mapped for them
/// alone: it goes back to the kernel with the last reader, on whichever thread that is. What one
/// thread allocates and another frees, an allocator may keep.
class RenderedPage {
  public:
    /// Counts as `weight` bytes in `total` while it lives. nullptr if there is no memory.
    static std::shared_ptr<const RenderedPage> copy_of(
        std::string_view text, std::size_t weight, std::shared_ptr<std::atomic<std::size_t>> total);
    RenderedPage(const RenderedPage&) = delete;
    RenderedPage& operator=(const RenderedPage&) = delete;
    ~RenderedPage();

    [[nodiscard]] std::string_view text() const { return text_; }

  private:
    RenderedPage(std::string_view mapped, std::size_t weight,
                 std::shared_ptr<std::atomic<std::size_t>> total);
    std::string_view text_;
    std::size_t weight_;
    std::shared_ptr<std::atomic<std::size_t>> total_;
};
using SharedPage = std::shared_ptr<const RenderedPage>;

/// What a listing shows.
struct ListingKey {
    std::string path;  ///< As http::Target::path.
    ListingQuery
        query;  ///< Its format is that of the answer, whether query or Accept asked for it.
    friend auto operator<=>(const ListingKey&, const ListingKey&) = default;
};

/// A listing that is being rendered: once, for all who ask meanwhile, on whatever loop.
class ListingRender {
  public:
    ListingRender(ListingKey key, const FileStatus& folder)
        : key_(std::move(key)), folder_(folder) {}

    [[nodiscard]] const ListingKey& key() const { return key_; }
    /// The folder's, from before it is read.
    [[nodiscard]] const FileStatus& folder() const { return folder_; }

    class Wait;
    /// `co_await render->wait(loop)`: until there is a result. Whoever waits holds the render.
    [[nodiscard]] Wait wait(Loop& loop);
    /// Once it has ended.
    [[nodiscard]] const Result<SharedPage>& result() const { return result_; }

  private:
    friend class ListingCache;
    struct Waiter {
        Loop* loop;
        std::coroutine_handle<> coroutine;
    };
    void end(Result<SharedPage> result);

    const ListingKey key_;
    const FileStatus folder_;
    std::atomic<bool> claimed_ = false;  // by who ends it
    std::mutex mutex_;
    bool ended_ = false;
    Result<SharedPage> result_;
    std::vector<Waiter> waiters_;  // one for each request, so no more than there are connections
};

class [[nodiscard]] ListingRender::Wait {
  public:
    Wait(ListingRender& render, Loop& loop) : render_(render), loop_(loop) {}
    bool await_ready() const { return false; }
    bool await_suspend(std::coroutine_handle<> waiter);
    void await_resume() const {}

  private:
    ListingRender& render_;
    Loop& loop_;
};

/// From any thread; nothing is read, rendered, compared or freed under its lock.
///
/// A page is shown again for a second (a file that grows leaves its folder's status alone), and
/// no longer than the folder has the status that it was rendered for. Pages count until their last
/// reader has let go. Those that nobody reads are dropped for one that needs the room; where that
/// is not enough, the listing is refused: 503. Beside that, each helper thread may hold a listing
/// that it renders.
class ListingCache {
  public:
    static constexpr Duration belief = std::chrono::seconds(1);
    /// What all pages together may take; a larger one is shown when there is no other.
    static constexpr std::size_t default_bytes = 64 << 20;
    /// Listings that are rendered or wait for that.
    static constexpr std::size_t default_renders = 64;

    explicit ListingCache(std::size_t most_bytes = default_bytes,
                          std::size_t most_renders = default_renders)
        : most_bytes_(most_bytes), most_renders_(most_renders) {}

    /// Either a page; or a render to wait for; or one to begin, which end() must follow; or, all
    /// empty, a refusal.
    struct Found {
        SharedPage page;
        std::shared_ptr<ListingRender> render;
        bool is_first = false;  ///< Of those who want this render: the one to see to it.
    };
    /// `folder` is the folder's status, looked at just now.
    [[nodiscard]] Found find_or_begin(const ListingKey& key, const FileStatus& folder,
                                      TimePoint now);

    /// Ends a render, and wakes all who wait for it. `read_at`: when reading the folder began. The
    /// first end counts: who gives up a render that is stuck may be followed by its late end.
    void end(const std::shared_ptr<ListingRender>& render, const Result<std::string>& text,
             TimePoint read_at);

    /// Drops what is too old to be shown again. False: nothing is left to be dropped later.
    bool drop_old(TimePoint now);

    /// Of all pages that are kept or being sent.
    [[nodiscard]] std::size_t bytes() const { return *bytes_; }

  private:
    struct Entry {
        FileStatus folder;
        TimePoint read_at;
        SharedPage page;  // to be shown again; null when too old
        // As it was last shown, while somebody still reads it: rendered anew and found to be the
        // same, it is shared with the next readers.
        std::weak_ptr<const RenderedPage> last;
        std::shared_ptr<ListingRender> render;  // under way
        [[nodiscard]] bool is_empty() const { return !page && !render && last.expired(); }
    };

    [[nodiscard]] Result<SharedPage> keep(const ListingKey& key, const std::string& text);
    [[nodiscard]] SharedPage last_shown(const ListingKey& key);
    void drop_unread();
    [[nodiscard]] bool has_room(std::size_t weight) const;
    [[nodiscard]] bool has_unread() const;

    const std::size_t most_bytes_;
    const std::size_t most_renders_;
    const std::shared_ptr<std::atomic<std::size_t>> bytes_ =
        std::make_shared<std::atomic<std::size_t>>(0);
    std::mutex mutex_;
    std::map<ListingKey, Entry> entries_;  // guarded by mutex_, as is all that follows
    std::size_t renders_ = 0;
};

}  // namespace spate::serve
