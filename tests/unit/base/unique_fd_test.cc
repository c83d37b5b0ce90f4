#include "daemon/base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace flatvm::base {
namespace {

int OpenOne() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, ClosesWhatItOwns) {
  int number = -1;
  {
    const UniqueFd fd(OpenOne());
    number = fd.get();
    EXPECT_TRUE(fd.valid());
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST(UniqueFd, HandsOverOnMove) {
  UniqueFd first(OpenOne());
  const int number = first.get();
  UniqueFd second(std::move(first));
  EXPECT_EQ(second.get(), number);
  UniqueFd third(OpenOne());
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_EQ(third.get(), number);
  EXPECT_FALSE(IsOpen(replaced));
  EXPECT_TRUE(IsOpen(number));
}

TEST(UniqueFd, ReleaseGivesUpOwnership) {
  int number = -1;
  {
    UniqueFd fd(OpenOne());
    number = fd.Release();
    EXPECT_FALSE(fd.valid());
  }
  EXPECT_TRUE(IsOpen(number));
  ::close(number);
}

TEST(UniqueFd, ResetClosesTheOldOne) {
  UniqueFd fd(OpenOne());
  const int number = fd.get();
  fd.Reset();
  EXPECT_FALSE(IsOpen(number));
  EXPECT_EQ(fd.get(), -1);
}

}  // namespace
}  // namespace flatvm::base
