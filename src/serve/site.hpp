// What all cores of a file service share.
#pragma once

#include <cerrno>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <spate/file.hpp>
#include <spate/loop.hpp>
#include <spate/offload.hpp>
#include <spate/task.hpp>

#include "http/media_type.hpp"
#include "serve/listing_cache.hpp"
#include "serve/options.hpp"

namespace spate::serve {

/// Reading local folders, and making pages of them.
inline constexpr Lane folder_lane{"folders", 2, 256};

/// None changes what is in it, but for the listings, which lock for themselves.
struct Site {
    Site(const ServeOptions& options, const http::MediaTypes& types, Root root,
         Offload offload = {});

    ServeOptions options;
    Root root;
    const http::MediaTypes& types;
    /// `options.headers` and what --cors adds, as whole lines, for 2xx and 304 answers.
    std::string extra_fields;
    ListingCache listings;
    /// Its threads start when there is work: after this process was confined.
    Offload offload;
};

/// Runs `job(across)`, which gives a Result and owns all it touches, on a helper thread where
/// reading the folder `path` holds up nobody but those who ask the same disk. `across` says that it
/// may follow links into other mounts; where it may not, EXDEV says that it would have to, and it
/// runs once more elsewhere. Errors: the job's, and Offload::run's.
template <typename Job>
Task<std::invoke_result_t<Job&, bool>> run_for_folder(const Site& site, Loop& loop,
                                                      std::string path, Job job) {
    auto disk = site.root.disk_of(path);
    if (!disk) {
        disk = site.root.disk_behind_links();
        auto within = [job, across = disk == nullptr]() mutable { return job(across); };
        auto result = co_await site.offload.run(loop, folder_lane, std::move(within));
        if (result || result.error().code != EXDEV || !disk) co_return std::move(result);
    }
    auto across = [job = std::move(job)]() mutable { return job(true); };
    co_return co_await disk->run(loop, std::move(across));
}

}  // namespace spate::serve
