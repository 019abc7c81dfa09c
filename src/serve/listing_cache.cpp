#include "serve/listing_cache.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace spate::serve {
namespace {

constexpr std::size_t memory_page = 4096;

// Only the cache holds it. Under the cache's lock, where alone it is handed out.
bool is_unread(const SharedPage& page) {
    return page.use_count() == 1;
}

// What a page counts for: whole pages of memory, and what is remembered of it.
std::size_t weight_of(const ListingKey& key, std::size_t bytes) {
    const std::size_t pages = bytes / memory_page + 1;
    return pages * memory_page + 1024 + 2 * (key.path.size() + key.query.filter.size());
}

}  // namespace

RenderedPage::RenderedPage(std::string_view mapped, std::size_t weight,
                           std::shared_ptr<std::atomic<std::size_t>> total)
    : text_(mapped), weight_(weight), total_(std::move(total)) {
    *total_ += weight_;
}

RenderedPage::~RenderedPage() {
    ::munmap(const_cast<char*>(text_.data()), text_.size());
    *total_ -= weight_;
}

SharedPage RenderedPage::copy_of(std::string_view text, std::size_t weight,
                                 std::shared_ptr<std::atomic<std::size_t>> total) {
    void* memory =
        ::mmap(nullptr, text.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    std::memcpy(memory, text.data(), text.size());
    const std::string_view mapped(static_cast<const char*>(memory), text.size());
    return SharedPage(new RenderedPage(mapped, weight, std::move(total)));
}

ListingRender::Wait ListingRender::wait(Loop& loop) {
    return Wait(*this, loop);
}

bool ListingRender::Wait::await_suspend(std::coroutine_handle<> waiter) {
    std::lock_guard lock(render_.mutex_);
    if (render_.ended_) return false;
    render_.waiters_.push_back({&loop_, waiter});
    return true;
}

void ListingRender::end(Result<SharedPage> result) {
    std::vector<Waiter> waiters;
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
        result_ = std::move(result);
        waiters.swap(waiters_);
    }
    for (const Waiter& each : waiters)
        each.loop->post([coroutine = each.coroutine] { coroutine.resume(); });
}

ListingCache::Found ListingCache::find_or_begin(const ListingKey& key, const FileStatus& folder,
                                                TimePoint now) {
    SharedPage outdated;  // Dies after the lock.
    std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    if (known != entries_.end()) {
        Entry& entry = known->second;
        if (entry.page && entry.folder == folder && now - entry.read_at < belief)
            return {.page = entry.page, .render = nullptr};
        outdated = std::move(entry.page);
        if (entry.render && entry.render->folder() == folder)
            return {.page = nullptr, .render = entry.render};
    }
    if (renders_ >= most_renders_) return {};
    if (*bytes_ >= most_bytes_ && !is_unread(outdated) && !has_unread()) return {};
    Entry& entry = known != entries_.end() ? known->second : entries_[key];
    entry.render = std::make_shared<ListingRender>(key, folder);
    ++renders_;
    return {.page = nullptr, .render = entry.render, .is_first = true};
}

void ListingCache::end(const std::shared_ptr<ListingRender>& render,
                       const Result<std::string>& text, TimePoint read_at) {
    if (render->claimed_.exchange(true)) return;
    Result<SharedPage> page =
        text ? keep(render->key(), *text) : Result<SharedPage>(std::unexpected(text.error()));
    SharedPage replaced;  // Dies after the lock.
    {
        std::lock_guard lock(mutex_);
        --renders_;
        // Another's, if the folder has changed since this one began.
        const auto known = entries_.find(render->key());
        if (known != entries_.end() && known->second.render == render) {
            Entry& entry = known->second;
            entry.render = nullptr;
            if (page) {
                replaced = std::exchange(entry.page, *page);
                entry.last = *page;
                entry.folder = render->folder();
                entry.read_at = read_at;
            }
            if (entry.is_empty()) entries_.erase(known);
        }
    }
    render->end(std::move(page));
}

// Gives the page that was shown before where it says the same: however long its readers take, a
// folder that stays the same has one page.
Result<SharedPage> ListingCache::keep(const ListingKey& key, const std::string& text) {
    SharedPage last = last_shown(key);
    if (last && last->text() == text) return last;
    last.reset();
    const std::size_t weight = weight_of(key, text.size());
    if (!has_room(weight)) drop_unread();
    if (!has_room(weight)) return fail(ENOBUFS, "keep listing");
    auto page = RenderedPage::copy_of(text, weight, bytes_);
    if (!page) return fail(ENOMEM, "keep listing");
    return page;
}

bool ListingCache::has_room(std::size_t weight) const {
    const std::size_t taken = *bytes_;
    return taken == 0 || taken + weight <= most_bytes_;
}

SharedPage ListingCache::last_shown(const ListingKey& key) {
    std::lock_guard lock(mutex_);
    const auto known = entries_.find(key);
    return known == entries_.end() ? nullptr : known->second.last.lock();
}

bool ListingCache::has_unread() const {
    return std::ranges::any_of(entries_,
                               [](const auto& each) { return is_unread(each.second.page); });
}

void ListingCache::drop_unread() {
    std::vector<SharedPage> dropped;  // Die after the lock.
    std::lock_guard lock(mutex_);
    for (auto& [key, entry] : entries_)
        if (is_unread(entry.page)) dropped.push_back(std::move(entry.page));
}

bool ListingCache::drop_old(TimePoint now) {
    std::vector<SharedPage> dropped;  // Die after the lock.
    std::lock_guard lock(mutex_);
    for (auto each = entries_.begin(); each != entries_.end();) {
        Entry& entry = each->second;
        if (entry.page && now - entry.read_at >= belief) dropped.push_back(std::move(entry.page));
        each = entry.is_empty() ? entries_.erase(each) : std::next(each);
    }
    return !entries_.empty();
}

}  // namespace spate::serve
