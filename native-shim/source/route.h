#pragma once
#include <napi.h>

namespace shim {

/** `route` of index.d.ts. */
Napi::Value Route(const Napi::CallbackInfo& info);

}  // namespace shim
