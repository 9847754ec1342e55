#pragma once
#include <napi.h>

#include <cstdint>
#include <string>

namespace shim {

/** What was wrong with an argument: thrown as a TypeError or RangeError with a `code`, as Node's own are. */
void ThrowArgumentType(Napi::Env env, const char* name, const char* expected);
void ThrowOutOfRange(Napi::Env env, const char* name, const char* limits);

/** A typed array's memory at this moment. It moves or vanishes when its buffer is transferred: look again after any await. */
template <typename T>
struct View {
  T* data = nullptr;
  size_t length = 0;
};

/** False (and nothing thrown) when `value` is no typed array of that element type. A detached one has length 0. */
bool ReadView(napi_env env, napi_value value, View<uint8_t>* view);
bool ReadView(napi_env env, napi_value value, View<uint32_t>* view);
bool ReadView(napi_env env, napi_value value, View<int32_t>* view);
bool ReadView(napi_env env, napi_value value, View<double>* view);

/** An optional integer property of an options object. False when something was thrown. */
bool ReadInteger(Napi::Object options, const char* name, int64_t lowest, int64_t highest, int64_t* value);

/** An optional string property, at most `longest` octets. False when something was thrown. */
bool ReadText(Napi::Object options, const char* name, size_t longest, std::string* value);

}  // namespace shim
