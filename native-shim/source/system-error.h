#pragma once
#include <napi.h>

namespace shim {

/** An Error with `code` (the errno's name), `errno` (negative) and `syscall`, as Node's own system errors have. */
Napi::Error SystemError(Napi::Env env, const char* syscall, int error_number, const char* detail = nullptr);

/** Throws `SystemError` into JavaScript; the caller must return at once. */
void ThrowSystemError(Napi::Env env, const char* syscall, int error_number, const char* detail = nullptr);

}  // namespace shim
