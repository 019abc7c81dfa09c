#include "serve/listings.hpp"

#include <cerrno>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "serve/folder.hpp"
#include "serve/listing_page.hpp"
#include "serve/site.hpp"

namespace spate::serve {
namespace {

// Reads and renders on a helper thread: fifty thousand entries take a while. Holds all that it
// needs but the site, since nobody may wait for it any more when it ends: where threads are left
// behind, the site lives as long as the process.
struct RenderJob {
    Site& site;
    std::shared_ptr<ListingRender> render;

    /// `across` as run_for_folder() has it.
    Result<void> operator()(bool across) const;

  private:
    [[nodiscard]] Result<std::string> text(bool across) const;
};

Result<std::string> RenderJob::text(bool across) const {
    const auto& [path, query] = render->key();
    FolderOptions options;
    options.show_hidden = site.options.dotfiles;
    options.across = across;
    auto entries = read_folder(site.root.fd(), path, options);
    if (!entries) return std::unexpected(entries.error());
    filter_entries(*entries, query.filter);
    sort_entries(*entries, query.sort, query.descending);
    const ListingPage page{.path = path, .entries = *entries, .query = query};
    return query.format == ListingFormat::json ? render_json(page) : render_html(page);
}

Result<void> RenderJob::operator()(bool across) const {
    const TimePoint read_at = Clock::now();
    Result<std::string> page;
    try {
        page = text(across);
    } catch (const std::bad_alloc&) {
        // How much it takes is up to the folder: a listing is refused, the process goes on.
        page = fail(ENOMEM, "list folder");
    }
    if (!page && page.error().code == EXDEV && !across) return std::unexpected(page.error());
    site.listings.end(render, page, read_at);
    return {};
}

}  // namespace

Task<Result<SharedPage>> Listings::get(const ListingKey& key) {
    auto folder = co_await site_.root.open(loop_, key.path);
    if (!folder) co_return std::unexpected(folder.error());
    const FileStatus status = folder->status;
    folder->fd.reset();
    folder->remote.reset();
    if (status.kind != FileStatus::Kind::folder) co_return fail(ENOTDIR, "list folder");

    const auto found = site_.listings.find_or_begin(key, status, loop_.now());
    if (found.page) co_return found.page;
    if (!found.render) co_return fail(ENOBUFS, "list folder");
    if (found.is_first) {
        expiry_.arm();
        RenderJob job{site_, found.render};
        const auto ran = co_await run_for_folder(site_, loop_, key.path, std::move(job));
        if (!ran) site_.listings.end(found.render, std::unexpected(ran.error()), loop_.now());
    } else {
        co_await found.render->wait(loop_);
    }
    co_return found.render->result();
}

void Listings::Expiry::arm() {
    if (armed()) return;
    listings_.loop_.timers().arm(*this, listings_.loop_.now() + ListingCache::belief);
}

void Listings::Expiry::due(Timer& timer) {
    Expiry& expiry = static_cast<Expiry&>(timer);
    const TimePoint now = expiry.listings_.loop_.now();
    if (expiry.listings_.site_.listings.drop_old(now)) expiry.arm();
}

}  // namespace spate::serve
