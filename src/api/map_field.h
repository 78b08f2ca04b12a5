// Maps of messages, by reflection, as maps. Protobuf's public reflection shows a map as a list of
// its entries: a second form of it that costs an allocation an entry to make, and is then kept
// beside the map as long as the message lives. The access to the map itself is there, reserved to
// the libraries that protobuf names as friends; of one of these the name is taken here.
//
// Threads: as the message: any number may read it, or one change it.
#pragma once

#include <string>

#include "google/protobuf/map_field.h"
#include "google/protobuf/message.h"

namespace google::protobuf::expr {

class CelMapReflectionFriend {
 public:
  static MapIterator Begin(const Reflection& of, const Message& message,
                           const FieldDescriptor* field) {
    return of.MapBegin(const_cast<Message*>(&message), field);
  }
  static int Size(const Reflection& of, const Message& message, const FieldDescriptor* field) {
    return of.MapSize(message, field);
  }
  static bool Find(const Reflection& of, const Message& message, const FieldDescriptor* field,
                   const MapKey& key, MapValueConstRef* value) {
    return of.LookupMapValue(message, field, key, value);
  }
  static bool Insert(const Reflection& of, Message* message, const FieldDescriptor* field,
                     const MapKey& key, MapValueRef* value) {
    return of.InsertOrLookupMapValue(message, field, key, value);
  }
};

}  // namespace google::protobuf::expr

namespace skiff::api {

// Size; Begin, from where so many follow in no order (the end costs as much to make); Find; Insert,
// which returns whether the key is new. Keys are strings. `of`: the message's reflection.
using MapAccess = google::protobuf::expr::CelMapReflectionFriend;

inline google::protobuf::MapKey MapKeyOf(const std::string& key) {
  google::protobuf::MapKey out;
  out.SetStringValue(key);
  return out;
}

// The string that a value of such a map is, to be changed where it is.
inline std::string* MutableStringOf(const google::protobuf::MapValueRef& value) {
  return const_cast<std::string*>(&value.GetStringValue());
}

}  // namespace skiff::api
