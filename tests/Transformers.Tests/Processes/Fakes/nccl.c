/* An NCCL for tests: it writes each call to the file that FAKE_LOG names and adds nothing. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { char bytes[128]; } Id;

static int said(const char *name, long a, long b, long c)
{
    FILE *log = fopen(getenv("FAKE_LOG"), "a");
    fprintf(log, "%s %ld %ld %ld\n", name, a, b, c);
    fclose(log);
    return 0;
}

int ncclGetVersion(int *version) { *version = 22703; return 0; }
int ncclGetUniqueId(Id *id) { memset(id->bytes, 'k', 128); return said("id", 0, 0, 0); }
int ncclCommInitRank(void **comm, int size, Id id, int rank)
{
    *comm = (void *)42;
    for (int i = 0; i < 128; i++) if (id.bytes[i] != 'k') return 4;
    return said("init", size, rank, 0);
}
int ncclCommSplit(void *comm, int color, int key, void **part, void *config) { *part = (void *)43; return said("split", color, key, comm == (void *)42); }
int ncclAllReduce(const char *send, char *to, size_t count, int type, int op, void *comm, void *stream) { return said("allreduce", count, type, send == to && op == 0 && comm == (void *)42 && !stream); }
int ncclReduceScatter(const char *send, char *to, size_t count, int type, int op, void *comm, void *stream) { return said("reducescatter", count, type, to - send); }
int ncclAllGather(const char *send, char *to, size_t count, int type, void *comm, void *stream) { return said("allgather", count, type, send - to); }
int ncclBroadcast(const char *send, char *to, size_t count, int type, int root, void *comm, void *stream) { return said("broadcast", count, type, root); }
int ncclCommGetAsyncError(void *comm, int *state) { *state = getenv("FAKE_FAILS") && *getenv("FAKE_FAILS") == 49 ? 6 : 0; return 0; }
int ncclCommAbort(void *comm) { return said("abort", 0, 0, 0); }
int ncclCommDestroy(void *comm) { return said("destroy", 0, 0, 0); }
const char *ncclGetErrorString(int result) { return result == 6 ? "remote process exited or there was a network error" : "error"; }
