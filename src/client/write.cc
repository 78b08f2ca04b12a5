#include "client/client.h"

namespace skiff::client {
namespace {

Write WriteOf(Write::Verb verb, api::MessagePtr object) {
  Write write;
  write.verb = verb;
  write.resource = &api::ResourceOfDescriptor(object->GetDescriptor());
  const metav1::ObjectMeta& meta = *api::MetaOf(*object);
  write.name_space = meta.namespace_();
  write.name = meta.name();
  write.object = std::move(object);
  return write;
}

}  // namespace

Write Write::Create(api::MessagePtr object) { return WriteOf(Verb::kCreate, std::move(object)); }

Write Write::Update(api::MessagePtr object, std::string subresource) {
  Write write = WriteOf(Verb::kUpdate, std::move(object));
  write.subresource = std::move(subresource);
  return write;
}

Write Write::Delete(const api::Object& object) {
  Write write;
  write.verb = Verb::kDelete;
  write.resource = &object.resource();
  write.name_space = object.meta().namespace_();
  write.name = object.meta().name();
  write.uid = object.meta().uid();
  return write;
}

std::vector<Write> By(absl::string_view manager, std::vector<Write> writes) {
  for (Write& write : writes) write.manager = std::string(manager);
  return writes;
}

}  // namespace skiff::client
