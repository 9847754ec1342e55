#include "arguments.h"

#include <cmath>

namespace shim {

namespace {

bool ReadTyped(napi_env env, napi_value value, napi_typedarray_type wanted, void** data, size_t* length) {
  bool is_typed = false;
  if (napi_is_typedarray(env, value, &is_typed) != napi_ok || !is_typed) return false;
  napi_typedarray_type type = napi_int8_array;
  napi_value buffer = nullptr;
  size_t offset = 0;
  if (napi_get_typedarray_info(env, value, &type, length, data, &buffer, &offset) != napi_ok) return false;
  if (type != wanted) return false;
  if (*data == nullptr) *length = 0;
  return true;
}

template <typename T>
bool ReadAs(napi_env env, napi_value value, napi_typedarray_type wanted, View<T>* view) {
  void* data = nullptr;
  size_t length = 0;
  if (!ReadTyped(env, value, wanted, &data, &length)) return false;
  view->data = static_cast<T*>(data);
  view->length = length;
  return true;
}

template <typename Kind>
void ThrowCoded(Napi::Env env, const std::string& message, const char* code) {
  Kind error = Kind::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.ThrowAsJavaScriptException();
}

}  // namespace

void ThrowArgumentType(Napi::Env env, const char* name, const char* expected) {
  ThrowCoded<Napi::TypeError>(env, std::string(name) + " must be " + expected, "ERR_INVALID_ARG_TYPE");
}

void ThrowOutOfRange(Napi::Env env, const char* name, const char* limits) {
  ThrowCoded<Napi::RangeError>(env, std::string(name) + " must be " + limits, "ERR_OUT_OF_RANGE");
}

bool ReadView(napi_env env, napi_value value, View<uint8_t>* view) { return ReadAs(env, value, napi_uint8_array, view); }
bool ReadView(napi_env env, napi_value value, View<uint32_t>* view) { return ReadAs(env, value, napi_uint32_array, view); }
bool ReadView(napi_env env, napi_value value, View<int32_t>* view) { return ReadAs(env, value, napi_int32_array, view); }
bool ReadView(napi_env env, napi_value value, View<double>* view) { return ReadAs(env, value, napi_float64_array, view); }

bool ReadInteger(Napi::Object options, const char* name, int64_t lowest, int64_t highest, int64_t* value) {
  Napi::Env env = options.Env();
  Napi::Value found = options.Get(name);
  if (env.IsExceptionPending()) return false;  // a getter threw
  if (found.IsEmpty() || found.IsUndefined() || found.IsNull()) return true;
  if (!found.IsNumber()) {
    ThrowArgumentType(env, name, "a number");
    return false;
  }
  const double number = found.As<Napi::Number>().DoubleValue();
  const double low = static_cast<double>(lowest);
  const double high = static_cast<double>(highest);
  if (!(number >= low && number <= high) || std::floor(number) != number) {
    const std::string limits = "an integer from " + std::to_string(lowest) + " to " + std::to_string(highest);
    ThrowOutOfRange(env, name, limits.c_str());
    return false;
  }
  *value = static_cast<int64_t>(number);
  return true;
}

bool ReadText(Napi::Object options, const char* name, size_t longest, std::string* value) {
  Napi::Env env = options.Env();
  Napi::Value found = options.Get(name);
  if (env.IsExceptionPending()) return false;
  if (found.IsEmpty() || found.IsUndefined() || found.IsNull()) return true;
  if (!found.IsString()) {
    ThrowArgumentType(env, name, "a string");
    return false;
  }
  size_t length = 0;
  if (napi_get_value_string_utf8(env, found, nullptr, 0, &length) != napi_ok || length == 0 || length > longest) {
    const std::string limits = "1 to " + std::to_string(longest) + " octets long";
    ThrowOutOfRange(env, name, limits.c_str());
    return false;
  }
  *value = found.As<Napi::String>().Utf8Value();
  return true;
}

}  // namespace shim
