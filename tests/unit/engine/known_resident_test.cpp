#include <gtest/gtest.h>

#include <spate/file.hpp>

namespace spate {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{100s};

TEST(KnownResidentTest, KnowsNothingAtFirst) {
    const KnownResident known;
    EXPECT_FALSE(known.covers(0, 1, start));
    EXPECT_FALSE(known.covers(0, 1, TimePoint{}));
}

TEST(KnownResidentTest, CoversWhatWasFound) {
    KnownResident known;
    known.add(1000, 500, start);
    struct Case {
        std::uint64_t offset, length;
        bool covered;
    };
    for (const auto& [offset, length, covered] :
         {Case{1000, 500, true}, Case{1200, 100, true}, Case{1499, 1, true}, Case{999, 2, false},
          Case{1499, 2, false}, Case{0, 1, false}, Case{1500, 1, false}})
        EXPECT_EQ(known.covers(offset, length, start), covered) << offset << "+" << length;
}

TEST(KnownResidentTest, GrowsWhereStretchesMeet) {
    KnownResident known;
    known.add(0, 100, start);
    known.add(100, 100, start);
    known.add(150, 100, start);
    EXPECT_TRUE(known.covers(0, 250, start));
    known.add(50, 10, start);  // takes nothing away
    EXPECT_TRUE(known.covers(0, 250, start));
    known.add(300, 10, start);  // a gap: only the new one
    EXPECT_FALSE(known.covers(0, 100, start));
    EXPECT_TRUE(known.covers(300, 10, start));
}

TEST(KnownResidentTest, ForgetsAfterASecondOfTheOldestLook) {
    KnownResident known;
    known.add(0, 100, start);
    known.add(100, 100, start + 900ms);
    EXPECT_TRUE(known.covers(0, 200, start + 999ms));
    EXPECT_FALSE(known.covers(100, 100, start + 1s));
    known.add(200, 100, start + 1s);
    EXPECT_TRUE(known.covers(200, 100, start + 1s));
    EXPECT_FALSE(known.covers(0, 100, start + 1s));
}

}  // namespace
}  // namespace spate
