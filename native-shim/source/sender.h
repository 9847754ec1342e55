#pragma once
#include <napi.h>

#include <memory>

namespace shim {

class SenderCore;

/** `Sender` of index.d.ts: the JavaScript side of a SenderCore, which lives until the loop has closed its handles. */
class Sender : public Napi::ObjectWrap<Sender> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Sender(const Napi::CallbackInfo& info);

 private:
  /** Throws into JavaScript when it fails; the object is then never seen. */
  void Open(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::shared_ptr<SenderCore> core_;
};

}  // namespace shim
