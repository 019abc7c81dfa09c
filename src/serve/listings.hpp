// Listings of folders as one core gets them: from the site's cache, or rendered for all.
#pragma once

#include <spate/loop.hpp>
#include <spate/result.hpp>
#include <spate/task.hpp>
#include <spate/timer.hpp>

#include "serve/listing_cache.hpp"

namespace spate::serve {

struct Site;

class Listings {
  public:
    Listings(Loop& loop, Site& site) : loop_(loop), site_(site), expiry_(*this) {}

    /// Errors: Root::open's, read_folder()'s; ENOBUFS where too many are rendered or being sent.
    [[nodiscard]] Task<Result<SharedPage>> get(const ListingKey& key);

  private:
    // Drops old pages though nobody asks for another.
    class Expiry : public Timer {
      public:
        explicit Expiry(Listings& owner) : Timer(&due), listings_(owner) {}
        void arm();

      private:
        static void due(Timer& timer);
        Listings& listings_;
    };

    Loop& loop_;
    Site& site_;
    Expiry expiry_;
};

}  // namespace spate::serve
