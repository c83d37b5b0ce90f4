#include "daemon/front/frame_guard.h"

#include <gtest/gtest.h>

#include "tests/unit/front/h2_bytes.h"

namespace flatvm::front {
namespace {

using std::chrono::milliseconds;
const FrameGuard::Time kStart{std::chrono::hours(1)};

// What the guard says to `bytes` in one piece; what passed is left in `whole`.
std::string_view Verdict(std::string_view bytes, std::string* whole = nullptr) {
  FrameGuard guard(GuardLimits{}, kStart);
  std::string passed;
  const std::string_view why = guard.FromClient(bytes, kStart, &passed);
  if (whole != nullptr) *whole = passed;
  return why;
}

std::string Times(int count, const std::string& frame) {
  std::string all;
  for (int i = 0; i < count; ++i) all += frame;
  return all;
}

std::string ManyHeaders(uint32_t count, bool reset) {
  std::string all;
  for (uint32_t i = 0; i < count; ++i) {
    all += Headers(2 * i + 1);
    if (reset) all += RstStream(2 * i + 1);
  }
  return all;
}

TEST(FrameHeader, IsReadInNetworkOrderWithoutTheReservedBit) {
  const FrameHeader header =
      ParseFrameHeader(std::string_view("\x01\x02\x03\x09\x05\xff\x00\x01\x02", 9));
  EXPECT_EQ(header.length, 0x010203U);
  EXPECT_EQ(header.type, 9);
  EXPECT_EQ(header.flags, 5);
  EXPECT_EQ(header.stream, 0x7f000102U);
}

TEST(FrameGuard, PassesAWellBehavedClientUnchanged) {
  const std::string bytes = Opening() + SettingsAck() + Headers(1) + Data(1, true) + Ping() +
                            Frame(8, 0, 0, std::string(4, 1)) + Headers(3, true) + RstStream(3) +
                            Frame(2, 0, 5, std::string(5, 0)) + Data(1, false, 16'384) +
                            Frame(7, 0, 0, std::string(8, 0));
  std::string whole;
  EXPECT_EQ(Verdict(bytes, &whole), "");
  EXPECT_EQ(whole, bytes);
}

struct BadCase {
  const char* name;
  std::string bytes;
  std::string_view why;
};

std::vector<BadCase> BadCases() {
  return {
      {"NoPreface", "GET / HTTP/1.1\r\n", "guard: not an HTTP/2 preface"},
      {"AlmostAPreface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", "guard: not an HTTP/2 preface"},
      {"NoSettings", std::string(kPrefaceBytes) + Ping(), "guard: first frame is not SETTINGS"},
      {"AckFirst", std::string(kPrefaceBytes) + SettingsAck(),
       "guard: first frame is not SETTINGS"},
      {"Continuation", Opening() + Continuation(1), "guard: CONTINUATION frame"},
      {"OpenHeaderBlock", Opening() + Frame(1, 0, 1, "\x82"), "guard: HEADERS without END_HEADERS"},
      {"LargeHeaderBlock", Opening() + Headers(1, false, 8'193), "guard: header block over 8 KiB"},
      {"HeadersOnStream0", Opening() + Headers(0),
       "guard: HEADERS on a stream that is not a client's"},
      {"HeadersOnEvenStream", Opening() + Headers(2),
       "guard: HEADERS on a stream that is not a client's"},
      {"PushPromise", Opening() + Frame(5, 4, 1, "xxxx"), "guard: PUSH_PROMISE from a client"},
      {"LargeFrame", Opening() + Frame(0, 0, 1, std::string(16'385, 'x')),
       "guard: frame over 16 KiB"},
      {"LargestFrame", Opening() + std::string("\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9),
       "guard: frame over 16 KiB"},
      {"UnknownType", Opening() + Frame(10, 0, 0, ""), "guard: unknown frame type"},
      {"OddSettings", Opening() + Frame(4, 0, 0, "12345"), "guard: malformed SETTINGS"},
      {"SettingsOnStream", Opening() + Frame(4, 0, 1, ""), "guard: malformed SETTINGS"},
      {"AckWithPayload", Opening() + Frame(4, 1, 0, "123456"), "guard: malformed SETTINGS"},
      {"ShortPing", Opening() + Frame(6, 0, 0, "1234567"), "guard: malformed PING"},
      {"LongReset", Opening() + Frame(3, 0, 1, "12345"),
       "guard: malformed RST_STREAM or WINDOW_UPDATE"},
      {"EmptyWindowUpdate", Opening() + Frame(8, 0, 0, ""),
       "guard: malformed RST_STREAM or WINDOW_UPDATE"},
      {"ShortPriority", Opening() + Frame(2, 0, 1, "1234"), "guard: malformed PRIORITY"},
      {"HeadersFlood", Opening() + Times(401, Headers(1)), "guard: too many HEADERS"},
      {"RapidReset", Opening() + ManyHeaders(101, true), "guard: too many RST_STREAM"},
      {"SettingsFlood", Opening() + Times(20, Settings()), "guard: too many SETTINGS"},
      {"AckFlood", Opening() + Times(20, SettingsAck()), "guard: too many SETTINGS"},
      {"PingFlood", Opening() + Times(41, Ping()), "guard: too many PING"},
      {"EmptyDataFlood", Opening() + Times(10'001, Data(1, false, 0)), "guard: too many frames"},
      {"DataFlood", Opening() + Times(20'001, Data(1, false, 4096)), "guard: too many large DATA"},
      {"PriorityFlood", Opening() + Times(10'001, Frame(2, 0, 1, "12345")),
       "guard: too many frames"},
      {"OpenStreams", Opening() + ManyHeaders(257, false), "guard: too many open streams"},
  };
}

TEST(FrameGuard, RefusesWhatNoClientOfOursSays) {
  for (const BadCase& bad : BadCases()) EXPECT_EQ(Verdict(bad.bytes), bad.why) << bad.name;
}

// The same verdict, and no byte of the refused frame passed on, wherever the bytes are cut.
TEST(FrameGuard, DoesNotDependOnHowBytesAreSplit) {
  for (const BadCase& bad : BadCases()) {
    FrameGuard guard(GuardLimits{}, kStart);
    std::string whole;
    std::string_view why;
    for (size_t i = 0; i < bad.bytes.size() && why.empty(); ++i) {
      why = guard.FromClient(std::string_view(bad.bytes).substr(i, 1), kStart, &whole);
    }
    EXPECT_EQ(why, bad.why) << bad.name;
    EXPECT_LT(whole.size(), bad.bytes.size()) << bad.name;
  }
  const std::string good = Opening() + Headers(1) + Data(1, true) + Ping();
  for (size_t cut = 0; cut <= good.size(); ++cut) {
    FrameGuard guard(GuardLimits{}, kStart);
    std::string whole;
    EXPECT_EQ(guard.FromClient(good.substr(0, cut), kStart, &whole), "");
    EXPECT_EQ(guard.FromClient(good.substr(cut), kStart, &whole), "");
    EXPECT_EQ(whole, good) << cut;
  }
}

TEST(FrameGuard, HoldsAFrameBackUntilItIsWhole) {
  FrameGuard guard(GuardLimits{}, kStart);
  std::string whole;
  const std::string frame = Headers(1, false, 100);
  ASSERT_EQ(guard.FromClient(Opening(), kStart, &whole), "");
  whole.clear();
  ASSERT_EQ(guard.FromClient(std::string_view(frame).substr(0, frame.size() - 1), kStart, &whole),
            "");
  EXPECT_EQ(whole, "");
  ASSERT_EQ(guard.FromClient(std::string_view(frame).substr(frame.size() - 1), kStart, &whole), "");
  EXPECT_EQ(whole, frame);
}

TEST(FrameGuard, LetsRatesRecover) {
  FrameGuard guard(GuardLimits{}, kStart);
  std::string whole;
  ASSERT_EQ(guard.FromClient(Opening() + Times(40, Ping()), kStart, &whole), "");
  EXPECT_EQ(guard.FromClient(Times(20, Ping()), kStart + milliseconds(1'001), &whole), "");
  EXPECT_EQ(guard.FromClient(Times(1, Ping()), kStart + milliseconds(1'001), &whole),
            "guard: too many PING");
}

TEST(FrameGuard, WantsThePrefaceInTime) {
  FrameGuard guard(GuardLimits{}, kStart);
  std::string whole;
  EXPECT_EQ(guard.CheckTime(kStart + milliseconds(9'999)), "");
  // A preface without SETTINGS is not enough.
  ASSERT_EQ(guard.FromClient(kPrefaceBytes, kStart, &whole), "");
  EXPECT_EQ(guard.CheckTime(kStart + milliseconds(10'000)), "guard: no preface in time");
  ASSERT_EQ(guard.FromClient(Settings(), kStart, &whole), "");
  EXPECT_EQ(guard.CheckTime(kStart + milliseconds(10'000)), "");
}

class IdleGuard : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(guard_.FromClient(Opening(), kStart, &whole_), ""); }
  std::string_view At(int seconds) { return guard_.CheckTime(Time(seconds)); }
  static FrameGuard::Time Time(int seconds) { return kStart + std::chrono::seconds(seconds); }

  FrameGuard guard_{GuardLimits{}, kStart};
  std::string whole_;
};

TEST_F(IdleGuard, EndsASilentConnection) {
  EXPECT_EQ(At(29), "");
  EXPECT_EQ(At(30), "guard: idle");
}

TEST_F(IdleGuard, IsNotFooledByPings) {
  ASSERT_EQ(guard_.FromClient(Ping(), Time(29), &whole_), "");
  EXPECT_EQ(At(30), "guard: idle");
}

TEST_F(IdleGuard, IsNotFooledByAnUnfinishedRequest) {
  ASSERT_EQ(guard_.FromClient(Headers(1), Time(0), &whole_), "");
  EXPECT_EQ(At(30), "guard: idle");
}

TEST_F(IdleGuard, WaitsForTheAnswerOfALongCall) {
  ASSERT_EQ(guard_.FromClient(Headers(1) + Data(1, true), Time(1), &whole_), "");
  EXPECT_EQ(At(3'600), "");
  guard_.FromServer(Settings() + Frame(1, 4, 1, "h") + Frame(0, 0, 1, "answer"), Time(3'600));
  EXPECT_EQ(At(7'200), "");
  const std::string trailers = Frame(1, 5, 1, "trailers");
  for (const char byte : trailers) guard_.FromServer(std::string_view(&byte, 1), Time(7'200));
  EXPECT_EQ(At(7'229), "");
  EXPECT_EQ(At(7'230), "guard: idle");
}

TEST_F(IdleGuard, DoesNotWaitForACallThatWasReset) {
  ASSERT_EQ(guard_.FromClient(Headers(1, true) + Headers(3, true), Time(0), &whole_), "");
  ASSERT_EQ(guard_.FromClient(RstStream(1), Time(1), &whole_), "");
  EXPECT_EQ(At(40), "");
  guard_.FromServer(RstStream(3), Time(41));
  EXPECT_EQ(At(71), "guard: idle");
}

}  // namespace
}  // namespace flatvm::front
