// Reading the mount table, and telling which file systems may stop answering.
#include "file/mounts.hpp"

#include <gtest/gtest.h>

namespace spate {
namespace {

TEST(MountsTest, ReadsTheKernelsTable) {
    const auto mounts = parse_mounts(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "36 22 0:45 /sub /srv/a\\040b\\134 rw shared:2 master:1 - fuse.sshfs me@there: "
        "rw,user_id=0\n"
        "37 22 0:46 / /srv/nfs rw - nfs4 there:/export rw\n"
        "not a line of it\n"
        "38 22 0:47 / /cut rw -\n"
        "39 22 0:48 / /last rw - tmpfs");
    ASSERT_EQ(mounts.size(), 4U);
    EXPECT_EQ(mounts[0].id, 22U);
    EXPECT_EQ(mounts[0].device, "8:1");
    EXPECT_EQ(mounts[0].point, "/");
    EXPECT_EQ(mounts[0].type, "ext4");
    EXPECT_EQ(mounts[1].point, "/srv/a b\\");
    EXPECT_EQ(mounts[1].type, "fuse.sshfs");
    EXPECT_EQ(mounts[2].type, "nfs4");
    EXPECT_EQ(mounts[3].type, "tmpfs");
}

TEST(MountsTest, OnlyWhatIsKnownToBeLocalIs) {
    for (const char* type : {"ext4", "xfs", "btrfs", "tmpfs", "overlay", "squashfs", "zfs", "vfat"})
        EXPECT_TRUE(is_local_type(type)) << type;
    for (const char* type :
         {"nfs", "nfs4", "cifs", "smb3", "fuse", "fuse.sshfs", "fuseblk", "9p", "ceph", "afs",
          "autofs", "virtiofs", "", "ext", "ext44", "somethingnew"})
        EXPECT_FALSE(is_local_type(type)) << type;
}

}  // namespace
}  // namespace spate
