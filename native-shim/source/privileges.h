#pragma once
#include <napi.h>

namespace shim {

/** `dropPrivileges` of index.d.ts. */
Napi::Value DropPrivileges(const Napi::CallbackInfo& info);

}  // namespace shim
