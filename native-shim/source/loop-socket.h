#pragma once
#include <napi.h>
#include <uv.h>

namespace shim {

/**
 * A socket on the event loop of the thread that made it, with a timer beside it. Whoever embeds it must stay alive from `Start`
 * until `OnClosed`, which comes after `Close`, or by itself when the environment (a worker, the process) ends.
 */
class LoopSocket {
 public:
  LoopSocket(const LoopSocket&) = delete;
  LoopSocket& operator=(const LoopSocket&) = delete;

 protected:
  LoopSocket() = default;
  virtual ~LoopSocket();

  /** Takes `fd` over, also when it fails. Returns 0 or a positive errno. */
  int Start(napi_env env, int fd);
  /** Idempotent. The descriptor is closed at once, the handles within the next turns of the loop. */
  void Close();
  bool IsOpen() const { return fd_ >= 0; }
  int Descriptor() const { return fd_; }

  /** 0 or a positive errno. `events` are UV_READABLE and UV_WRITABLE; 0 stops watching. */
  int Watch(int events);
  void StartTimer(uint64_t milliseconds);
  void StopTimer();

  /** `error` is 0, or the positive errno of a broken socket, which is not watched any more. */
  virtual void OnReady(int error) = 0;
  virtual void OnTimer() = 0;
  /** The environment is ending: no JavaScript may run. */
  virtual void OnAbandoned() = 0;
  /** Nothing refers to this object any more. It may be deleted. */
  virtual void OnClosed() = 0;

 private:
  static void OnCleanup(napi_async_cleanup_hook_handle hook, void* data);
  static void OnHandleClosed(uv_handle_t* handle);

  int fd_ = -1;
  int watched_ = 0;
  int open_handles_ = 0;
  uv_poll_t poll_{};
  uv_timer_t timer_{};
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

}  // namespace shim
