#include "daemon/rpc/image_service.h"

#include <gtest/gtest.h>

#include <string>

#include "flatvm/v1/types.pb.h"
#include "tests/support/broker_world.h"

namespace flatvm::rpc {
namespace {

class ImageServiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    service_.AddTo(calls_);
    ASSERT_TRUE(world_.AddTenant("acme").ok());
  }

  template <typename Response, typename Request>
  Response Ok(const std::string& method, const Request& request) {
    const Answer answer = calls_.Handle("acme", method, request.SerializeAsString());
    EXPECT_EQ(answer.code, 0) << method << ": " << answer.message;
    Response response;
    EXPECT_TRUE(response.ParseFromString(answer.response));
    return response;
  }
  template <typename Request>
  v1::ErrorDetail Fails(const std::string& method, const Request& request) {
    const Answer answer = calls_.Handle("acme", method, request.SerializeAsString());
    v1::ErrorDetail detail;
    EXPECT_NE(answer.code, 0) << method;
    EXPECT_TRUE(detail.ParseFromString(answer.detail));
    return detail;
  }

  v1::BeginImportRequest BeginRequest() const {
    v1::BeginImportRequest request;
    request.set_image("web");
    request.set_format(v1::IMAGE_RAW);
    request.set_size_bytes(content_.size());
    request.set_sha256(fakes::FakeDigestOf(content_));
    return request;
  }
  v1::Image Import() {
    v1::Image image = Ok<v1::BeginImportResponse>("BeginImport", BeginRequest()).image();
    v1::WriteImageRequest write;
    write.set_image_id(image.id());
    write.set_data(content_);
    EXPECT_EQ(Ok<v1::WriteImageResponse>("WriteImage", write).received_bytes(), content_.size());
    v1::FinishImportRequest finish;
    finish.set_image_id(image.id());
    return Ok<v1::FinishImportResponse>("FinishImport", finish).image();
  }

  const std::string content_ = std::string(1024, 'x');
  broker::FakeHost host_;
  broker::BrokerWorld world_{host_};
  ImageService service_{world_.images, world_.directory};
  TenantCalls calls_{world_.callers, host_.log, host_.clock};
};

TEST_F(ImageServiceTest, CarriesEveryMethodOut) {
  const v1::Image image = Import();
  EXPECT_EQ(image.name(), "web");
  EXPECT_EQ(image.tenant(), "acme");
  EXPECT_EQ(image.source(), v1::IMAGE_OWN);
  EXPECT_EQ(image.state(), v1::IMAGE_READY);
  EXPECT_EQ(image.format(), v1::IMAGE_RAW);
  EXPECT_EQ(image.size_bytes(), content_.size());
  EXPECT_EQ(image.received_bytes(), content_.size());
  EXPECT_EQ(image.disk_mib(), 1U);
  EXPECT_EQ(image.sha256(), fakes::FakeDigestOf(content_));
  EXPECT_GT(image.created_at().seconds(), 0);

  const auto listed = Ok<v1::ListImagesResponse>("ListImages", v1::ListImagesRequest());
  ASSERT_EQ(listed.images_size(), 3);
  EXPECT_EQ(listed.images(0).name(), "diskless");
  EXPECT_EQ(listed.images(0).format(), v1::IMAGE_FORMAT_UNSPECIFIED);
  EXPECT_EQ(listed.images(1).name(), "tiny");
  EXPECT_EQ(listed.images(1).source(), v1::IMAGE_CATALOG);
  EXPECT_EQ(listed.images(1).disk_mib(), 16U);
  EXPECT_EQ(listed.images(1).id(), "");
  EXPECT_EQ(listed.images(2).name(), "web");

  v1::RemoveImageRequest remove;
  remove.set_image("web");
  EXPECT_EQ(Ok<v1::RemoveImageResponse>("RemoveImage", remove).image().id(), image.id());
  EXPECT_EQ(Ok<v1::ListImagesResponse>("ListImages", v1::ListImagesRequest()).images_size(), 2);
}

TEST_F(ImageServiceTest, GuessesNoFormat) {
  v1::BeginImportRequest request = BeginRequest();
  request.clear_format();
  EXPECT_EQ(Fails("BeginImport", request).field(), "format");
  request.set_format(static_cast<v1::ImageFormat>(77));
  EXPECT_EQ(Fails("BeginImport", request).reason(), v1::FIELD_OUT_OF_RANGE);
}

TEST_F(ImageServiceTest, TheJournalHasALineForAnImportAndNoneForItsPieces) {
  const size_t before = host_.log.Lines().size();
  Import();
  ASSERT_EQ(host_.log.Lines().size(), before + 2);
  EXPECT_EQ(host_.log.Lines()[before].fields.op, "BeginImport");
  EXPECT_EQ(host_.log.Lines()[before].fields.image, "web");
  EXPECT_EQ(host_.log.Lines()[before + 1].fields.op, "FinishImport");
  v1::WriteImageRequest write;
  write.set_image_id("none");
  Fails("WriteImage", write);
  EXPECT_EQ(host_.log.Lines().back().fields.op, "WriteImage");
}

}  // namespace
}  // namespace flatvm::rpc
