/* An MPI library for tests: one of two processes that always have the same numbers. It writes each call to the file that
   FAKE_LOG names and refuses handles that are not its family's. FAMILY is 1 for Open MPI 5, 2 for the interface of MPI 5. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if FAMILY == 1
char ompi_mpi_comm_world[64], ompi_mpi_byte[64], ompi_mpi_info_null[64], ompi_mpi_errors_return[64];
#define WORLD ((intptr_t)ompi_mpi_comm_world)
#define BYTES ((intptr_t)ompi_mpi_byte)
#define INFO ((intptr_t)ompi_mpi_info_null)
#define ERRORS ((intptr_t)ompi_mpi_errors_return)
#define SHARED 0
#define MULTIPLE 3
#define VERSION "Open MPI v5.0.7, package: a test, ident: 5.0.7"
#else
#define WORLD 0x101
#define BYTES 0x247
#define INFO 0x130
#define ERRORS 0x143
#define SHARED 221
#define MULTIPLE 4096
#define VERSION "MPICH Version:\t5.0.2\nMPICH ABI:\t17:0:0"
int MPI_Abi_get_version(int *major, int *minor) { *major = 1; *minor = 0; return 0; }
#endif
#define IN_PLACE ((void *)1)
#define NODE (WORLD + 8)

static int said(const char *name, long bytes, int right)
{
    FILE *log = fopen(getenv("FAKE_LOG"), "a");
    fprintf(log, "%s %ld%s\n", name, bytes, right ? "" : " WRONG");
    fclose(log);
    return right ? 0 : 5;
}

int MPI_Get_library_version(char *text, int *length) { strcpy(text, VERSION); *length = (int)strlen(text); return 0; }
int MPI_Init_thread(int *count, char ***words, int wanted, int *given) { *given = wanted; return said("init", 0, !count && !words && wanted == MULTIPLE); }
int MPI_Comm_rank(intptr_t group, int *rank) { *rank = 0; return said("rank", 0, group == WORLD || group == NODE); }
int MPI_Comm_size(intptr_t group, int *size) { *size = 2; return said("size", 0, group == WORLD || group == NODE); }
int MPI_Comm_split_type(intptr_t group, int type, int key, intptr_t info, intptr_t *part)
{
    *part = NODE;
    return said("split_type", 0, (group == WORLD || group == NODE) && type == SHARED && key == 0 && info == INFO);
}
int MPI_Comm_split(intptr_t group, int color, int key, intptr_t *part) { *part = NODE; return said("split", 0, group == WORLD); }
int MPI_Comm_set_errhandler(intptr_t group, intptr_t handler) { return said("errors", 0, handler == ERRORS); }
int MPI_Ialltoall(const char *send, int each, intptr_t type, char *to, int count, intptr_t other, intptr_t group, intptr_t *request)
{
    memcpy(to, send, each);
    memcpy(to + each, send, each);
    *request = 7;
    return said("alltoall", each, type == BYTES && other == BYTES && count == each && group == WORLD);
}
int MPI_Iallgather(const char *send, int each, intptr_t type, char *to, int count, intptr_t other, intptr_t group, intptr_t *request)
{
    const char *own = send == IN_PLACE ? to : send;
    memmove(to, own, count);
    memcpy(to + count, to, count);
    *request = 7;
    return said(send == IN_PLACE ? "allgather_in_place" : "allgather", count, type == BYTES && other == BYTES && group == WORLD);
}
int MPI_Ibcast(char *data, int bytes, intptr_t type, int root, intptr_t group, intptr_t *request) { *request = 7; return said("bcast", bytes, type == BYTES && group == WORLD); }
int MPI_Ibarrier(intptr_t group, intptr_t *request) { *request = 7; return said("barrier", 0, group == WORLD); }
int MPI_Test(intptr_t *request, int *done, char *status)
{
    int right = *request == 7 && status != 0;
    *done = 1;
    *request = 0;
    return right ? 0 : said("test", 0, 0);
}
int MPI_Abort(intptr_t group, int code) { return said("abort", code, group == WORLD); }
int MPI_Finalize(void) { return said("finalize", 0, 1); }
int MPI_Error_string(int code, char *text, int *length) { strcpy(text, "a wrong argument"); *length = 16; return 0; }
