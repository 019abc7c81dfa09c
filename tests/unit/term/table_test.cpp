#include "term/table.hpp"

#include <gtest/gtest.h>

namespace spate::term {
namespace {

TEST(TableTest, LinesUpTextLeftAndNumbersRight) {
    Table table({{"path"}, {"size", Align::right}, {"status"}});
    table.add_row({"a.txt", "5 B", "200"});
    table.add_row({"longer-name.iso", "654.0 MiB", "206"});
    EXPECT_EQ(table.render(),
              "path                  size  status\n"
              "a.txt                  5 B  200\n"
              "longer-name.iso  654.0 MiB  206\n");
}

TEST(TableTest, WidthIsThatOnTheScreen) {
    Table table({{"name"}, {"n", Align::right}});
    table.add_row({"\u6f22\u5b57", "1"});
    table.add_row({"h\u00e9", "10"});
    EXPECT_EQ(table.render(),
              "name   n\n"
              "\u6f22\u5b57   1\n"
              "h\u00e9    10\n");
}

TEST(TableTest, WithoutTitlesThereIsNoHeader) {
    Table table({{""}, {"", Align::right}});
    table.add_row({"requests", "12,345"});
    table.add_row({"errors", "0"});
    EXPECT_EQ(table.render(2), "  requests  12,345\n  errors         0\n");
}

TEST(TableTest, MissingCellsAreEmpty) {
    Table table({{"a"}, {"b"}});
    table.add_row({"1"});
    table.add_row({});
    EXPECT_EQ(table.render(), "a  b\n1\n\n");
}

}  // namespace
}  // namespace spate::term
