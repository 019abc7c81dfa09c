#include "engine/memory.hpp"

#include <malloc.h>

// mimalloc's, where the program is linked with it. It keeps the pages of a thread that is calm:
// only what allocates looks whether something is to be given back.
extern "C" [[gnu::weak]] void mi_collect(bool force) noexcept;

namespace spate {

void give_back_memory() {
    if (mi_collect != nullptr)
        mi_collect(true);
    else
        ::malloc_trim(0);
}

}  // namespace spate
