#include "storage/disk_stamp.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <ctime>

#include "daemon/base/clock.h"
#include "daemon/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::storage {
namespace {

using namespace std::chrono_literals;

class DiskStampTest : public ::testing::Test {
 protected:
  void Write() const { ASSERT_EQ(::pwrite(disk_.get(), "x", 1, 0), 1); }

  fakes::TempDir files_;
  const base::UniqueFd disk_{
      ::open((files_.path() + "/disk").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
};

// Without the wait a write at once is of the same tick as the one before, and the stamp the same.
TEST_F(DiskStampTest, IsAnotherAfterEveryWrite) {
  for (int i = 0; i < 20; ++i) {
    Write();
    const auto before = ReadSettledStamp(disk_.get());
    ASSERT_TRUE(before.ok() && before->has_value()) << before.status();
    EXPECT_EQ(*ReadStamp(disk_.get()), **before);
    Write();
    EXPECT_NE(*ReadStamp(disk_.get()), **before);
  }
}

TEST_F(DiskStampTest, IsAnotherAfterACutOrAHole) {
  ASSERT_EQ(::ftruncate(disk_.get(), 8192), 0);
  const auto before = ReadSettledStamp(disk_.get());
  ASSERT_TRUE(before.ok() && before->has_value());
  ASSERT_EQ(::fallocate(disk_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_NE(*ReadStamp(disk_.get()), **before);
}

// libvirt gives a disk's file back to its owner when a VM no longer has it.
TEST_F(DiskStampTest, IsTheSameForAnotherOwnerOrMode) {
  const auto before = ReadSettledStamp(disk_.get());
  ASSERT_TRUE(before.ok() && before->has_value());
  ASSERT_EQ(::fchmod(disk_.get(), 0640), 0);
  ASSERT_EQ(::fchown(disk_.get(), ::getuid(), ::getgid()), 0);
  EXPECT_EQ(*ReadStamp(disk_.get()), **before);
}

// Whenever it is looked at, it was written to a millisecond ago.
class BusyDisk final : public base::Clock {
 public:
  explicit BusyDisk(int disk) : disk_(disk) {}
  std::chrono::system_clock::time_point Now() const override {
    const DiskStamp stamp = *ReadStamp(disk_);
    return std::chrono::system_clock::time_point(std::chrono::seconds(stamp.seconds) +
                                                 std::chrono::nanoseconds(stamp.nanoseconds) + 1ms);
  }
  std::chrono::steady_clock::time_point Steady() const override { return {}; }
  void SleepFor(std::chrono::steady_clock::duration /*duration*/) const override {}

 private:
  const int disk_;
};

TEST_F(DiskStampTest, ThereIsNoneWhileItIsWrittenTo) {
  const auto stamp = ReadSettledStamp(disk_.get(), BusyDisk(disk_.get()));
  ASSERT_TRUE(stamp.ok()) << stamp.status();
  EXPECT_FALSE(stamp->has_value());
}

TEST_F(DiskStampTest, ThereIsNoneOfTheFuture) {
  timespec times[2] = {};
  ::clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec += 3600;
  times[1] = times[0];
  ASSERT_EQ(::futimens(disk_.get(), times), 0);
  const auto stamp = ReadSettledStamp(disk_.get());
  ASSERT_TRUE(stamp.ok()) << stamp.status();
  EXPECT_FALSE(stamp->has_value());
}

}  // namespace
}  // namespace flatvm::storage
