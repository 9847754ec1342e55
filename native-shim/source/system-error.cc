#include "system-error.h"

#include <uv.h>

#include <string>

namespace shim {

Napi::Error SystemError(Napi::Env env, const char* syscall, int error_number, const char* detail) {
  // uv_err_name allocates for numbers it does not know, so those are named here.
  const char* name = uv_err_name(-error_number);
  std::string code(name == nullptr ? "UNKNOWN" : name);
  if (code.rfind("Unknown", 0) == 0) code = "E" + std::to_string(error_number);
  std::string message = std::string(syscall) + ": " + code + ", " + uv_strerror(-error_number);
  if (detail != nullptr) message += std::string(" (") + detail + ")";
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, -error_number));
  error.Set("syscall", Napi::String::New(env, syscall));
  return error;
}

void ThrowSystemError(Napi::Env env, const char* syscall, int error_number, const char* detail) {
  SystemError(env, syscall, error_number, detail).ThrowAsJavaScriptException();
}

}  // namespace shim
