#pragma once
#include <napi.h>

#include <memory>

namespace shim {

class ReceiverCore;

/** `Receiver` of index.d.ts: the JavaScript side of a ReceiverCore, which lives until the loop has closed its handles. */
class Receiver : public Napi::ObjectWrap<Receiver> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Receiver(const Napi::CallbackInfo& info);

 private:
  /** Throws into JavaScript when it fails; the object is then never seen. */
  void Open(const Napi::CallbackInfo& info);
  Napi::Value SetFilter(const Napi::CallbackInfo& info);
  Napi::Value Stats(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::shared_ptr<ReceiverCore> core_;
};

}  // namespace shim
