#include "store/txn_codec.h"

#include <google/protobuf/stubs/logging.h>

#include "raft/crc32c.h"
#include "tests/store/fixture.h"

namespace skiff::store {
namespace {

Txn Sample() {
  Txn txn = PutTxn("web", "1");
  txn.ops.push_back(Op::Delete(MapKey("old")));
  txn.preconditions = {Precondition::Absent(MapKey("web")), Precondition::Exists(MapKey("old")),
                       Precondition::AtRevision(MapKey("old"), uint64_t{1} << 40)};
  return txn;
}

std::string Entry(const EntryOrigin& origin, uint32_t version) {
  const std::string txn = EncodeTxn(Sample());
  return EncodeOrigin(origin, version, raft::Crc32c(txn)) + txn;
}

}  // namespace

TEST_CASE("TransactionsComeBackAsTheyWere") {
  const auto decoded = DecodeTxn(EncodeTxn(Sample()));
  REQUIRE(decoded.ok());
  REQUIRE(decoded->preconditions.size() == 3);
  CHECK(decoded->preconditions[1].kind == Precondition::Kind::kExists);
  CHECK(decoded->preconditions[2].revision == uint64_t{1} << 40);
  REQUIRE(decoded->ops.size() == 2);
  CHECK(decoded->ops[0].key == MapKey("web"));
  CHECK(decoded->ops[0].object->SerializeAsString() == Map("web", "1")->SerializeAsString());
  CHECK(decoded->ops[1].object == nullptr);
}

TEST_CASE("EntriesSayWhoProposedThem") {
  const EntryOrigin origins[] = {{}, {1, 2, 3}, {(uint64_t{1} << 48) - 1, ~uint64_t{0}, 1}};
  for (const EntryOrigin& origin : origins) {
    for (const uint32_t version : {1, 2}) {
      const std::string bytes = Entry(origin, version);
      EntryOrigin decoded;
      absl::string_view txn;
      REQUIRE(DecodeOrigin(bytes, &decoded, &txn).ok());
      CHECK(decoded.member == origin.member);
      CHECK(decoded.life == origin.life);
      CHECK(decoded.number == origin.number);
      CHECK(std::string(txn) == EncodeTxn(Sample()));
    }
  }
}

TEST_CASE("AnEntryOfVersionOneIsWhatItAlwaysWas") {
  CHECK(EncodeOrigin({1, 300, 5}, 1, 0) == std::string("\x02\x01\xac\x02\x05"));
}

TEST_CASE("CutOriginsAreDamaged") {
  EntryOrigin origin;
  absl::string_view txn;
  for (const uint32_t version : {1, 2}) {
    const std::string bytes = EncodeOrigin({300, 70'000, 5'000'000}, version, 0);
    REQUIRE(DecodeOrigin(bytes, &origin, &txn).ok());
    for (size_t size = 0; size < bytes.size(); ++size) {
      INFO(size);
      const absl::string_view cut = absl::string_view(bytes).substr(0, size);
      CHECK(absl::IsDataLoss(DecodeOrigin(cut, &origin, &txn)));
    }
  }
}

TEST_CASE("NoBitOfASealedEntryMayFlip") {
  const std::string bytes = Entry({300, 70'000, 5'000'000}, 2);
  EntryOrigin origin;
  absl::string_view txn;
  for (size_t bit = 8; bit < bytes.size() * 8; ++bit) {
    INFO(bit);
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CHECK(absl::IsDataLoss(DecodeOrigin(flipped, &origin, &txn)));
  }
  CHECK(absl::IsDataLoss(DecodeOrigin(bytes + "x", &origin, &txn)));
}

TEST_CASE("AnEntryOfALaterFormAsksForALaterProgram") {
  std::string later = Entry({}, 2);
  later[0] = 4;
  EntryOrigin origin;
  absl::string_view txn;
  const absl::Status status = DecodeOrigin(later, &origin, &txn);
  CHECK(absl::IsFailedPrecondition(status));
  CHECK(status.message() ==
        "a log entry is of form 4, this program reads forms up to 3: start the newer program that "
        "wrote it");
}

TEST_CASE("CutOrLengthenedTransactionsAreDamaged") {
  const std::string bytes = EncodeTxn(Sample());
  for (size_t size = 0; size < bytes.size(); ++size) {
    INFO(size);
    CHECK(DecodeTxn(absl::string_view(bytes).substr(0, size)).status().code() ==
          absl::StatusCode::kDataLoss);
  }
  CHECK(DecodeTxn(bytes + "x").status().code() == absl::StatusCode::kDataLoss);
}

TEST_CASE("JunkDecodesToAnErrorOrATransactionButNeverCrashes") {
  google::protobuf::LogSilencer silence;  // It complains of text that is no UTF-8.
  Rng rng(3);
  const std::string bytes = EncodeTxn(Sample());
  for (int round = 0; round < 5000; ++round) {
    std::string junk = bytes;
    for (int change = 0; change < 3; ++change) {
      junk[rng.Below(junk.size())] = static_cast<char>(rng.Below(256));
    }
    const auto decoded = DecodeTxn(junk);
    if (!decoded.ok()) CHECK(decoded.status().code() == absl::StatusCode::kDataLoss);
  }
}

TEST_CASE("RowsCarryTheRevision") {
  auto message = Map("web", "1");
  api::MutableMetaOf(message.get())->set_resource_version("17");
  const api::ObjectPtr object = api::Object::Make(std::move(message));
  const auto decoded = DecodeRow(MapKey("web"), EncodeRow(*object));
  REQUIRE(decoded.ok());
  CHECK((*decoded)->revision() == 17);
  CHECK((*decoded)->message().SerializeAsString() == object->message().SerializeAsString());
  CHECK(DecodeRow("/nonsense/a/b", EncodeRow(*object)).status().code() ==
        absl::StatusCode::kDataLoss);
}

TEST_CASE("KeysNameTheirResource") {
  CHECK(ResourceOfKey("/pods/default/web") == &api::ResourceOf<corev1::Pod>());
  CHECK(ResourceOfKey("/nodes//n1") == &api::ResourceOf<corev1::Node>());
  CHECK(ResourceOfKey("apps/deployments/default/web") == &api::ResourceOf<appsv1::Deployment>());
  CHECK(ResourceOfKey("") == nullptr);
  CHECK(ResourceOfKey("pods") == nullptr);
  CHECK(ResourceOfKey("/unicorns/default/web") == nullptr);
  CHECK(Key(api::ResourceOf<corev1::Node>(), "", "n1") == "/nodes//n1");
  CHECK(Prefix(api::ResourceOf<appsv1::Deployment>(), "default") == "apps/deployments/default/");
}

TEST_CASE("EveryServedResourceCanBeReadBack") {
  for (const api::ResourceInfo& resource : api::Resources()) {
    if (api::MetaOf(*resource.prototype) == nullptr) continue;  // Answers, never stored.
    INFO(resource.qualified());
    CHECK(ResourceOfKey(Key(resource, "a", "b")) == &resource);
  }
}

}  // namespace skiff::store
