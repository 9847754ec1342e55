#include "loop-socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

namespace shim {

LoopSocket::~LoopSocket() {
  if (fd_ >= 0) close(fd_);
}

int LoopSocket::Start(napi_env env, int fd) {
  fd_ = fd;
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok || loop == nullptr) return ENOTSUP;
  if (napi_add_async_cleanup_hook(env, OnCleanup, this, &hook_) != napi_ok) return ENOTSUP;
  int status = uv_timer_init(loop, &timer_);
  if (status == 0) {
    timer_.data = this;
    open_handles_++;
    status = uv_poll_init(loop, &poll_, fd_);
    if (status == 0) {
      poll_.data = this;
      open_handles_++;
    }
  }
  // A caller that gets an error calls Close(), as one does later.
  return -status;
}

void LoopSocket::Close() {
  if (fd_ < 0) return;
  const int fd = fd_;
  fd_ = -1;
  if (poll_.data != nullptr) uv_close(reinterpret_cast<uv_handle_t*>(&poll_), OnHandleClosed);
  if (timer_.data != nullptr) uv_close(reinterpret_cast<uv_handle_t*>(&timer_), OnHandleClosed);
  // Only after the poll handle has let go of it: the number may be somebody else's at once.
  close(fd);
  if (open_handles_ == 0) {
    if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
    hook_ = nullptr;
    OnClosed();
  }
}

void LoopSocket::OnHandleClosed(uv_handle_t* handle) {
  auto* self = static_cast<LoopSocket*>(handle->data);
  self->open_handles_--;
  if (self->open_handles_ > 0) return;
  if (self->hook_ != nullptr) napi_remove_async_cleanup_hook(self->hook_);
  self->hook_ = nullptr;
  self->OnClosed();
}

void LoopSocket::OnCleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* self = static_cast<LoopSocket*>(data);
  // Already closing: the last handle removes the hook and lets the environment go on.
  if (self->fd_ < 0) return;
  self->OnAbandoned();
  self->Close();
}

int LoopSocket::Watch(int events) {
  if (fd_ < 0) return EBADF;
  if (events == watched_) return 0;
  watched_ = events;
  if (events == 0) return -uv_poll_stop(&poll_);
  return -uv_poll_start(&poll_, events, [](uv_poll_t* handle, int status, int) {
    auto* self = static_cast<LoopSocket*>(handle->data);
    int error = 0;
    if (status < 0) {
      // libuv stops the handle and says EBADF for any POLLERR; the socket knows the reason. None: watch on.
      socklen_t size = sizeof error;
      const int events = self->watched_;
      self->watched_ = 0;
      if (getsockopt(self->fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
      if (error == 0) error = self->Watch(events);
    }
    self->OnReady(error);
  });
}

void LoopSocket::StartTimer(uint64_t milliseconds) {
  if (fd_ < 0) return;
  uv_update_time(timer_.loop);
  uv_timer_start(
      &timer_, [](uv_timer_t* handle) { static_cast<LoopSocket*>(handle->data)->OnTimer(); }, milliseconds, 0);
}

void LoopSocket::StopTimer() {
  if (fd_ >= 0) uv_timer_stop(&timer_);
}

}  // namespace shim
