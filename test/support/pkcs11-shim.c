/*
 * A PKCS #11 module for tests that stands before another one: it forwards every call, and by orders in a shared file it makes calls slow or
 * makes them fail, and counts what is open. SHIM_MODULE is the path of the real module, SHIM_CONTROL the file (pkcs11-shim.ts has its layout).
 *
 * Every argument of PKCS #11 is an integer or a pointer, at most eight, so one form fits all functions: a callee does not look at the rest.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long ul;
typedef ul (*fn)(ul, ul, ul, ul, ul, ul, ul, ul);

#define FUNCTIONS(X) \
  X(Initialize) X(Finalize) X(GetInfo) X(GetFunctionList) X(GetSlotList) X(GetSlotInfo) X(GetTokenInfo) X(GetMechanismList) \
  X(GetMechanismInfo) X(InitToken) X(InitPIN) X(SetPIN) X(OpenSession) X(CloseSession) X(CloseAllSessions) X(GetSessionInfo) \
  X(GetOperationState) X(SetOperationState) X(Login) X(Logout) X(CreateObject) X(CopyObject) X(DestroyObject) X(GetObjectSize) \
  X(GetAttributeValue) X(SetAttributeValue) X(FindObjectsInit) X(FindObjects) X(FindObjectsFinal) X(EncryptInit) X(Encrypt) \
  X(EncryptUpdate) X(EncryptFinal) X(DecryptInit) X(Decrypt) X(DecryptUpdate) X(DecryptFinal) X(DigestInit) X(Digest) X(DigestUpdate) \
  X(DigestKey) X(DigestFinal) X(SignInit) X(Sign) X(SignUpdate) X(SignFinal) X(SignRecoverInit) X(SignRecover) X(VerifyInit) X(Verify) \
  X(VerifyUpdate) X(VerifyFinal) X(VerifyRecoverInit) X(VerifyRecover) X(DigestEncryptUpdate) X(DecryptDigestUpdate) \
  X(SignEncryptUpdate) X(DecryptVerifyUpdate) X(GenerateKey) X(GenerateKeyPair) X(WrapKey) X(UnwrapKey) X(DeriveKey) X(SeedRandom) \
  X(GenerateRandom) X(GetFunctionStatus) X(CancelFunction) X(WaitForSlotEvent)

enum index {
#define X(name) at_##name,
  FUNCTIONS(X)
#undef X
  count
};

struct list { unsigned char version[8]; fn functions[count]; };

struct control {
  /* Orders. `fail` is a function's number plus one, 1000 for all; `failures` how often, below zero for ever. */
  int delay_microseconds, fail, code, failures;
  /* A function's number plus one: its calls wait, below zero before they go through, above when they went. */
  int hold;
  /* Counts. */
  int in_flight, most_in_flight, sessions, objects, held;
  int calls[count];
};

static struct list *real, here;
static struct control *control;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Objects that a session made, which end with it. */
#define MOST 65536
static struct { ul object, session; } objects[MOST];

static void added(ul object, ul session) {
  /* The count is all processes' together: with several it is no more than a sign, and may be anything. */
  int at = control->objects++;
  if (at >= 0 && at < MOST) objects[at].object = object, objects[at].session = session;
}

static void removed(ul object, ul session, int all) {
  for (int i = 0; i < control->objects && i < MOST;)
    if (all || (object && objects[i].object == object) || (session && objects[i].session == session)) {
      int last = --control->objects;
      if (last < 0 || last >= MOST) return;
      objects[i] = objects[last];
    } else i++;
}

static void account(int at, ul a, ul b, ul d, ul g, ul h, ul f) {
  pthread_mutex_lock(&lock);
  switch (at) {
    case at_OpenSession: control->sessions++; break;
    case at_CloseSession: control->sessions--; removed(0, a, 0); break;
    case at_CloseAllSessions: case at_Finalize: control->sessions = 0; removed(0, 0, 1); break;
    case at_CreateObject: case at_GenerateKey: added(*(ul *)(at == at_CreateObject ? d : f), a); break;
    case at_UnwrapKey: added(*(ul *)h, a); break;
    case at_GenerateKeyPair: added(*(ul *)g, a); added(*(ul *)h, a); break;
    case at_DestroyObject: removed(b, 0, 0); break;
  }
  pthread_mutex_unlock(&lock);
}

/* Until the order is another one. */
static void hold(int order) {
  struct timespec millisecond = { 0, 1000000 };
  if (control->hold != order) return;
  __atomic_add_fetch(&control->held, 1, __ATOMIC_SEQ_CST);
  while (control->hold == order) nanosleep(&millisecond, NULL);
}

static ul call(int at, ul a, ul b, ul c, ul d, ul e, ul f, ul g, ul h) {
  int now = __atomic_add_fetch(&control->in_flight, 1, __ATOMIC_SEQ_CST), most = control->most_in_flight;
  while (now > most && !__atomic_compare_exchange_n(&control->most_in_flight, &most, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  __atomic_add_fetch(&control->calls[at], 1, __ATOMIC_SEQ_CST);
  if (control->delay_microseconds > 0) {
    struct timespec time = { control->delay_microseconds / 1000000, control->delay_microseconds % 1000000 * 1000L };
    nanosleep(&time, NULL);
  }
  ul result;
  if ((control->fail == at + 1 || control->fail == 1000) && control->failures != 0) {
    if (control->failures > 0) __atomic_sub_fetch(&control->failures, 1, __ATOMIC_SEQ_CST);
    result = (ul)control->code;
  } else {
    hold(-at - 1);
    result = real->functions[at](a, b, c, d, e, f, g, h);
    if (result == 0) account(at, a, b, d, g, h, e);
    hold(at + 1);
  }
  __atomic_sub_fetch(&control->in_flight, 1, __ATOMIC_SEQ_CST);
  return result;
}

#define X(name) \
  static ul shim_##name(ul a, ul b, ul c, ul d, ul e, ul f, ul g, ul h) { return call(at_##name, a, b, c, d, e, f, g, h); }
FUNCTIONS(X)
#undef X

static int attach(void) {
  void *module = dlopen(getenv("SHIM_MODULE"), RTLD_NOW | RTLD_LOCAL);
  int file = open(getenv("SHIM_CONTROL"), O_RDWR);
  ul (*list)(struct list **) = module ? dlsym(module, "C_GetFunctionList") : NULL;
  if (!list || file < 0 || list(&real)) return fprintf(stderr, "pkcs11-shim: %s\n", module ? "no function list or control file" : dlerror());
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  for (int i = 0; i < 8; i++) here.version[i] = real->version[i];
#define X(name) here.functions[at_##name] = shim_##name;
  FUNCTIONS(X)
#undef X
  return 0;
}

ul C_GetFunctionList(struct list **out) {
  pthread_mutex_lock(&lock);
  int failed = !real && attach();
  pthread_mutex_unlock(&lock);
  *out = &here;
  return failed ? 5 : 0;
}
