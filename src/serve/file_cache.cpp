#include "serve/file_cache.hpp"

#include <utility>

namespace spate::serve {
namespace {

// An open file tells by itself whether it is still the same; what was read is, and what may not
// answer is not asked.
bool is_changed(const Representation& representation) {
    const OpenFile& file = representation.file;
    if (!file.fd.valid()) return false;
    const auto status = status_of(file.fd.get());
    return !status || *status != file.status;
}

bool is_changed(const Variants& variants) {
    if (is_changed(variants.plain)) return true;
    for (const auto& sidecar : variants.coded)
        if (sidecar && is_changed(*sidecar)) return true;
    return false;
}

}  // namespace

std::shared_ptr<Variants> FileCache::find(std::string_view path, TimePoint now) {
    const auto found = by_path_.find(path);
    if (found == by_path_.end()) return nullptr;
    const auto entry = found->second;
    if (now - entry->checked >= belief || (now != entry->looked && is_changed(*entry->variants))) {
        erase(entry);
        return nullptr;
    }
    entry->looked = now;
    if (entry != entries_.begin()) entries_.splice(entries_.begin(), entries_, entry);
    return entry->variants;
}

void FileCache::insert(std::string_view path, std::shared_ptr<Variants> variants, TimePoint now) {
    // The path counts, too: it may be longer than the file.
    const std::size_t weight = variants->weight() + sizeof(Entry) + path.size();
    if (!enabled() || weight > most_bytes_) return;
    // Two requests may have loaded it side by side.
    if (const auto found = by_path_.find(path); found != by_path_.end()) erase(found->second);
    const std::size_t descriptors = variants->descriptors();
    // One allocation after the other; where the second fails, as if nothing had been.
    Entries made;
    made.push_front({std::string(path), std::move(variants), weight, now, now});
    by_path_.emplace(made.front().path, made.begin());
    entries_.splice(entries_.begin(), made);
    bytes_ += weight;
    descriptors_ += descriptors;
    while (bytes_ > most_bytes_ || descriptors_ > most_descriptors_)
        erase(std::prev(entries_.end()));
}

void FileCache::erase(Entries::iterator entry) {
    bytes_ -= entry->weight;
    descriptors_ -= entry->variants->descriptors();
    by_path_.erase(entry->path);
    entries_.erase(entry);
}

}  // namespace spate::serve
