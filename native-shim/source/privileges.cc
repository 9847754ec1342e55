#include "privileges.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "arguments.h"
#include "monotonic-clock.h"
#include "system-error.h"

namespace shim {

namespace {

/*
 * Capabilities, the bounding set and no_new_privs belong to threads, and a thread can only change its own. The C library has the
 * same trouble with setuid and solves it with a signal of its own, which no thread can block (Node's inspector thread blocks all
 * others). We borrow that signal while every thread passes our handler, as libpsx does.
 */
constexpr int64_t kPatienceNs = 3'000'000'000;
constexpr int kMostThreads = 4'096;
constexpr int kHighestCapability = 63;

enum class Step { kBounding, kEverything };

struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

std::atomic<Step> g_step{Step::kBounding};
std::atomic<int> g_failure{0};
std::atomic<int> g_passed_count{0};
std::atomic<pid_t> g_passed[kMostThreads];

/** Runs in the thread it changes, also inside a signal handler: system calls only. */
int GiveUp(Step step) {
  // Not allowed without CAP_SETPCAP, and then nothing is lost by keeping the bounding set: no_new_privs closes the same door.
  for (int capability = 0; capability <= kHighestCapability; capability++) {
    if (syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) break;
  }
  // Kernels before 4.3 have no ambient set.
  (void)syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (step == Step::kBounding) return 0;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

void PassHandler(int) {
  const int saved = errno;
  const int error = GiveUp(g_step.load());
  if (error != 0) g_failure.store(error);
  const int index = g_passed_count.fetch_add(1);
  if (index < kMostThreads) g_passed[index].store(static_cast<pid_t>(syscall(SYS_gettid)));
  errno = saved;
}

bool HasPassed(pid_t thread) {
  const int count = g_passed_count.load();
  for (int i = 0; i < count && i < kMostThreads; i++) {
    if (g_passed[i].load() == thread) return true;
  }
  return false;
}

/** Calls `visit` with each thread of this process. Returns 0 or an errno. */
template <typename Visit>
int ForEachThread(Visit visit) {
  DIR* directory = opendir("/proc/self/task");
  if (directory == nullptr) return errno;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): unsafe only for threads that share the stream
  while (const dirent* entry = readdir(directory)) {
    const pid_t thread = static_cast<pid_t>(strtol(entry->d_name, nullptr, 10));
    if (thread > 0) visit(thread);
  }
  closedir(directory);
  return 0;
}

int RawSigaction(int signal, const KernelSigaction* set, KernelSigaction* old) {
  return syscall(SYS_rt_sigaction, signal, set, old, _NSIG / 8) == 0 ? 0 : errno;
}

/** Our handler in the kernel's form: the C library knows what a return from a handler needs on this machine. */
int PrepareHandler(KernelSigaction* prepared) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = PassHandler;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  if (sigaction(SIGRTMAX, &action, &before) != 0) return errno;
  const int error = RawSigaction(SIGRTMAX, nullptr, prepared);
  sigaction(SIGRTMAX, &before, nullptr);
  return error;
}

/** Signals the threads that have not passed, and waits for them, until a whole look at the list finds none: new threads inherit
 * from old ones. */
int PassOtherThreads(int signal) {
  const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  const pid_t process = getpid();
  const int64_t deadline = MonotonicNs() + kPatienceNs;
  pid_t signalled[kMostThreads];
  int signalled_count = 0;
  for (;;) {
    int missing = 0;
    const int error = ForEachThread([&](pid_t thread) {
      if (thread == self || HasPassed(thread)) return;
      missing++;
      for (int i = 0; i < signalled_count; i++) {
        if (signalled[i] == thread) return;
      }
      // A thread that has ended meanwhile is no error: it will not be listed again.
      if (syscall(SYS_tgkill, process, thread, signal) == 0 && signalled_count < kMostThreads)
        signalled[signalled_count++] = thread;
    });
    if (error != 0) return error;
    if (g_failure.load() != 0) return g_failure.load();
    if (missing == 0) return 0;
    if (MonotonicNs() > deadline) return ETIMEDOUT;
    const timespec moment = {0, 100'000};
    nanosleep(&moment, nullptr);
  }
}

/** Every thread of the process takes `step`. Returns 0 or an errno. */
int InEveryThread(Step step) {
  // The C libraries keep the signals just below SIGRTMIN to themselves; the last of them is the one that changes all threads.
  const int signal = SIGRTMIN - 1;
  KernelSigaction ours{};
  KernelSigaction theirs{};
  int error = PrepareHandler(&ours);
  if (error != 0) return error;
  g_step.store(step);
  g_failure.store(0);
  g_passed_count.store(0);
  error = GiveUp(step);
  if (error != 0) return error;
  error = RawSigaction(signal, &ours, &theirs);
  if (error != 0) return error;
  error = PassOtherThreads(signal);
  // After a time-out ours stays: a late signal would lead the C library's handler to a change that nobody asked for.
  if (error == ETIMEDOUT) return error;
  const int restored = RawSigaction(signal, &theirs, nullptr);
  return error != 0 ? error : restored;
}

bool ReadId(Napi::Env env, const char* name, const Napi::Value& value, bool* given, uint32_t* id) {
  *given = !value.IsNull() && !value.IsUndefined();
  if (!*given) return true;
  int64_t number = 0;
  Napi::Object holder = Napi::Object::New(env);
  holder.Set(name, value);
  // (uid_t) -1 means "leave as it is" to the kernel.
  if (!ReadInteger(holder, name, 0, static_cast<int64_t>(UINT32_MAX) - 1, &number)) return false;
  *id = static_cast<uint32_t>(number);
  return true;
}

struct Failure {
  int error = 0;
  const char* call = "";
};

Failure Become(uid_t uid, gid_t gid) {
  // The C library changes all threads.
  if (setgroups(1, &gid) != 0) return {errno, "setgroups"};
  if (setresgid(gid, gid, gid) != 0) return {errno, "setresgid"};
  if (setresuid(uid, uid, uid) != 0) return {errno, "setresuid"};
  return {};
}

}  // namespace

Napi::Value DropPrivileges(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  bool has_uid = false;
  bool has_gid = false;
  uint32_t uid = 0;
  uint32_t gid = 0;
  if (!ReadId(env, "uid", info[0], &has_uid, &uid) || !ReadId(env, "gid", info[1], &has_gid, &gid)) return env.Undefined();
  if (has_uid != has_gid) {
    ThrowArgumentType(env, "uid and gid", "given together or not at all");
    return env.Undefined();
  }
  Failure failure;
  if (has_uid) {
    // The bounding set can only be emptied while CAP_SETPCAP is still there.
    failure = {InEveryThread(Step::kBounding), "prctl"};
    if (failure.error == 0) failure = Become(uid, gid);
  }
  if (failure.error == 0) failure = {InEveryThread(Step::kEverything), "capset"};
  if (failure.error != 0) ThrowSystemError(env, failure.call, failure.error);
  return env.Undefined();
}

}  // namespace shim
