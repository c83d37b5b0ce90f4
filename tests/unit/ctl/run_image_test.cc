// flatvmctl image, with a catalog of its own and a flatvmd that is there or not.
#include "daemon/ctl/run_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "daemon/base/str_cat.h"
#include "nlohmann/json.hpp"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/ctl/run_ctl_fixture.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::ctl {
namespace {

using base::StrCat;
using storage::WriteTestFile;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class RunImageTest : public RunCtlTest {
 protected:
  RunImageTest() {
    std::filesystem::create_directory(Path("catalog"));
    WriteTestFile(Path("d.img"), "raw bytes");
    WriteTestFile(Path("q.img"), storage::SmallQcow2());
    admin().list_vms = [this](const auto&, auto* response) {
      ++asked_;
      for (const char* name : {"web", "db"}) {
        v1::Vm* vm = response->add_vms();
        vm->set_tenant("acme");
        vm->set_name(name);
        vm->set_image("used");
      }
      return grpc::Status::OK;
    };
  }

  std::string Path(const std::string& name) const { return root_.path() + "/" + name; }
  bool IsThere(const std::string& image) const {
    return std::filesystem::exists(Path("catalog/" + image));
  }
  int RunImage(const std::string& line) {
    return Run(StrCat("image ", line, " --catalog ", Path("catalog")));
  }
  void Add(const std::string& name) {
    ASSERT_EQ(RunImage(StrCat("add ", name, " --disk ", Path("d.img"))), 0) << err();
  }
  static nlohmann::json JsonIn(const std::string& text) {
    return nlohmann::json::parse(text, nullptr, false);
  }

  fakes::TempDir root_;
  int asked_ = 0;
};

TEST_F(RunImageTest, Add) {
  const std::string add =
      StrCat("add tiny --min-memory 96MiB --description x --disk ", Path("d.img"));
  EXPECT_EQ(RunImage(add + " --validate-only"), 0);
  EXPECT_EQ(out(),
            "would add image tiny\n"
            "NAME  KIND  DISK  MIN-MEMORY  DIGESTS  DESCRIPTION\n"
            "tiny  disk  1MiB  96MiB       all      x\n");
  EXPECT_FALSE(IsThere("tiny"));
  EXPECT_EQ(RunImage(add), 0);
  EXPECT_THAT(out(), StartsWith("added image tiny\n"));
  EXPECT_THAT(err(), IsEmpty());
  EXPECT_TRUE(IsThere("tiny"));
  EXPECT_EQ(RunImage(add), 4);
  EXPECT_THAT(err(), HasSubstr("ALREADY_EXISTS/IMAGE_EXISTS"));
  EXPECT_EQ(RunImage(StrCat("add other --json --disk ", Path("d.img"))), 0);
  EXPECT_EQ(JsonIn(out()).dump(),
            R"({"description":"","digests":"all","disk_mib":1,"fault":"","kind":"disk",)"
            R"("min_memory_mib":0,"name":"other"})");
  EXPECT_EQ(asked_, 0) << "flatvmd is not needed";
}

TEST_F(RunImageTest, AddsErrorsNameTheOption) {
  EXPECT_EQ(RunImage(StrCat("add tiny --disk ", Path("q.img"))), 5);
  EXPECT_EQ(err(),
            "flatvmctl: --disk: is a qcow2 image, not a raw one; say that its format is qcow2 "
            "(FAILED_PRECONDITION/IMAGE_UNUSABLE)\n");
  EXPECT_EQ(RunImage(StrCat("add tiny --disk ", Path("q.img"), " --initrd x --json")), 2);
  EXPECT_EQ(JsonIn(err())["error"]["field"], "--initrd");
  EXPECT_EQ(RunImage("add tiny"), 2);
  EXPECT_THAT(err(), HasSubstr("--disk: an image has a disk, a kernel, or both"));
  EXPECT_EQ(Run(StrCat("image list --catalog ", Path("nosuch"))), 2);
  EXPECT_THAT(err(), HasSubstr("--catalog: there is no directory"));
  EXPECT_EQ(Run("image list --catalog relative"), 2);
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(RunImageTest, ListShowsABrokenOneWithItsFault) {
  EXPECT_EQ(RunImage("list"), 0);
  EXPECT_EQ(out(), "no images\n");
  Add("tiny");
  std::filesystem::create_directory(Path("catalog/broken"));
  EXPECT_EQ(RunImage("list"), 0);
  EXPECT_EQ(out(),
            "NAME    KIND    DISK  MIN-MEMORY  DIGESTS  DESCRIPTION\n"
            "broken  broken  -     -           -        image.json: is not there\n"
            "tiny    disk    1MiB  -           all\n");
  EXPECT_EQ(RunImage("list --json"), 0);
  EXPECT_EQ(JsonIn(out())["images"][0]["fault"], "image.json: is not there");
  EXPECT_EQ(JsonIn(out())["images"][1]["name"], "tiny");
}

TEST_F(RunImageTest, ListsTenantsOwnImages) {
  std::vector<std::string> tenants;
  admin().list_all_images = [&](const v1::ListAllImagesRequest& request, auto* response) {
    tenants.push_back(request.tenant());
    v1::Image* image = response->add_images();
    image->set_id("7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071");
    image->set_name("debian");
    image->set_tenant("acme");
    image->set_state(v1::IMAGE_IMPORTING);
    image->set_format(v1::IMAGE_QCOW2);
    image->set_size_bytes(uint64_t{310} << 20U);
    image->set_received_bytes(uint64_t{155} << 20U);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run("image list --own"), 0) << err();
  EXPECT_EQ(out(),
            "TENANT  NAME    STATE                       FORMAT  SIZE    DISK  ID\n"
            "acme    debian  importing 155MiB of 310MiB  qcow2   310MiB  -     "
            "7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071\n");
  EXPECT_EQ(Run("image list --tenant acme --json"), 0) << err();
  EXPECT_EQ(JsonIn(out())["images"][0]["state"], "importing");
  EXPECT_EQ(JsonIn(out())["images"][0]["received_bytes"], 155U << 20U);
  EXPECT_THAT(tenants, testing::ElementsAre("", "acme"));
}

TEST_F(RunImageTest, ASecondaryOfAnOwnImageUsesNoneOfTheCatalog) {
  admin().list_vms = [](const auto&, auto* response) {
    v1::Vm* vm = response->add_vms();
    vm->set_image("tiny");
    vm->set_image_id("7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071");
    return grpc::Status::OK;
  };
  Add("tiny");
  EXPECT_EQ(RunImage("remove tiny"), 0) << err();
}

TEST_F(RunImageTest, TheConfigurationSaysWhereTheCatalogIs) {
  Add("tiny");
  WriteTestFile(Path("flatvmd.json"), StrCat(R"({"catalog_dir": ")", Path("catalog"), "\"}"));
  EXPECT_EQ(Run(StrCat("image list --config ", Path("flatvmd.json"))), 0);
  EXPECT_THAT(out(), HasSubstr("tiny"));
  EXPECT_EQ(Run(StrCat("image list --config ", Path("nosuch.json"))), 2);
  EXPECT_THAT(err(), HasSubstr("--config: there is no file"));
  WriteTestFile(Path("flatvmd.json"), "{\"catalog\": 1}");
  EXPECT_EQ(Run(StrCat("image list --config ", Path("flatvmd.json"))), 2);
  EXPECT_THAT(err(), HasSubstr("catalog"));
}

TEST_F(RunImageTest, RemoveRefusesWhatIsInUse) {
  Add("used");
  for (const char* option : {"", " --validate-only"}) {
    EXPECT_EQ(RunImage(StrCat("remove used", option)), 5);
    EXPECT_EQ(err(),
              "flatvmctl: image \"used\" is in use by secondary acme/web and 1 other: destroy "
              "first what has it, or add --force (FAILED_PRECONDITION/IMAGE_IN_USE)\n");
    EXPECT_TRUE(IsThere("used"));
  }
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(RunImage("remove used --force --validate-only"), 0);
  EXPECT_EQ(out(), "would remove image used\n");
  EXPECT_TRUE(IsThere("used"));
  EXPECT_EQ(RunImage("remove used --force"), 0);
  EXPECT_EQ(out(), "removed image used\n");
  EXPECT_FALSE(IsThere("used"));
  EXPECT_EQ(asked_, 2);
}

TEST_F(RunImageTest, RemovesWhatNobodyUses) {
  Add("tiny");
  EXPECT_EQ(RunImage("remove tiny --json"), 0) << err();
  EXPECT_EQ(JsonIn(out()).dump(), R"({"name":"tiny"})");
  EXPECT_FALSE(IsThere("tiny"));
  EXPECT_EQ(RunImage("remove tiny"), 3);
  EXPECT_THAT(err(), HasSubstr("NOT_FOUND/IMAGE_NOT_FOUND"));
}

TEST_F(RunImageTest, RemoveRefusesWhereNobodyCanBeAsked) {
  Add("tiny");
  const std::vector<std::string> args = {
      "--socket",     "/nonexistent/admin.sock", "image", "remove", "tiny", "--catalog",
      Path("catalog")};
  EXPECT_EQ(RunCtl(args, {.out = out_, .err = err_, .sleep = [](auto) {}}), 8);
  EXPECT_THAT(err(), HasSubstr("--force removes it anyway"));
  EXPECT_THAT(err(), HasSubstr("UNAVAILABLE/BROKER_UNREACHABLE"));
  EXPECT_TRUE(IsThere("tiny"));
  EXPECT_EQ(RunImage("remove tiny --force"), 0);
}

TEST_F(RunImageTest, VerifySaysWhatIsNotAsItWasAdded) {
  EXPECT_EQ(RunImage("verify"), 0);
  EXPECT_EQ(out(), "no images\n");
  Add("one");
  Add("two");
  EXPECT_EQ(RunImage("verify"), 0);
  EXPECT_EQ(out(),
            "IMAGE  FILE      STATE\n"
            "one    disk.raw  same\n"
            "two    disk.raw  same\n");
  WriteTestFile(Path("catalog/two/disk.raw"), "raw bytez");
  EXPECT_EQ(RunImage("verify"), 5);
  EXPECT_THAT(out(), HasSubstr("two    disk.raw  differs\n"));
  EXPECT_EQ(err(),
            "flatvmctl: not as it was added: two/disk.raw (FAILED_PRECONDITION/IMAGE_UNUSABLE)\n");
  EXPECT_EQ(RunImage("verify one"), 0);
  EXPECT_EQ(RunImage("verify two one --json"), 5);
  EXPECT_EQ(JsonIn(out()).dump(),
            R"({"images":[{"fault":"","files":[{"name":"disk.raw","state":"differs"}],)"
            R"("name":"two"},{"fault":"","files":[{"name":"disk.raw","state":"same"}],)"
            R"("name":"one"}]})");
  EXPECT_EQ(RunImage("verify one nosuch"), 3);
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(RunImageTest, VerifyTakesAnImageWithoutDigestsAsItIs) {
  std::filesystem::create_directory(Path("catalog/hand"));
  WriteTestFile(Path("catalog/hand/k"), "kernel");
  WriteTestFile(Path("catalog/hand/image.json"), R"({"kernel": "k"})");
  EXPECT_EQ(RunImage("verify"), 0);
  EXPECT_THAT(out(), HasSubstr("hand   k     no-digest\n"));
  std::filesystem::create_directory(Path("catalog/Upper"));
  EXPECT_EQ(RunImage("verify"), 5);
  EXPECT_THAT(err(), HasSubstr("not as it was added: Upper"));
}

TEST_F(RunImageTest, TellsWhatTakesAWhile) {
  std::vector<std::string> told;
  const std::vector<std::string> args = {"image",       "add",       "tiny",         "--disk",
                                         Path("d.img"), "--catalog", Path("catalog")};
  EXPECT_EQ(RunCtl(args, {.out = out_,
                          .err = err_,
                          .sleep = [](auto) {},
                          .progress = [&](const std::string& what) { told.push_back(what); }}),
            0);
  EXPECT_THAT(told, testing::ElementsAre("copying disk.raw", "computing the digest of disk.raw"));
}

}  // namespace
}  // namespace flatvm::ctl
