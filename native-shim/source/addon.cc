#include <napi.h>

#include "monotonic-clock.h"
#include "privileges.h"
#include "receiver.h"
#include "route.h"
#include "sender.h"

namespace {

/** Raised with every change of index.d.ts: index.cjs refuses a binary of other sources. */
constexpr int kSurface = 1;

Napi::Value NowNs(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), shim::SinceLoadNs(shim::MonotonicNs())); }

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("surface", Napi::Number::New(env, kSurface));
  exports.Set("Sender", shim::Sender::Define(env));
  exports.Set("Receiver", shim::Receiver::Define(env));
  exports.Set("nowNs", Napi::Function::New<NowNs>(env, "nowNs"));
  exports.Set("route", Napi::Function::New<shim::Route>(env, "route"));
  exports.Set("dropPrivileges", Napi::Function::New<shim::DropPrivileges>(env, "dropPrivileges"));
  return exports;
}

}  // namespace

NODE_API_MODULE(pdm_native_shim, Init)
