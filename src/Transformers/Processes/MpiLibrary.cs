using Transformers.Native;

namespace Transformers.Processes;

/// <summary>How an MPI library represents handles.</summary>
public enum MpiFamily
{
    /// <summary>Open MPI 4 and 5: handles are the addresses of exported symbols.</summary>
    OpenMpi,
    /// <summary>MPICH and its derivatives (Intel, Cray, MVAPICH): handles are 32-bit integers.</summary>
    Mpich,
    /// <summary>The ABI that MPI 5 standardised: handles are small integers of pointer size.</summary>
    Standard,
}

/// <summary>An MPI library in this process, called through its C interface.</summary>
/// <remarks>
/// Everything is sent as bytes and summed by this program, so that sums have the same order with every library, and bfloat16, which none of
/// them supports, can be summed. This needs few functions and few handles; 32-bit handles are passed in wider registers, which both Linux ABIs allow.
/// </remarks>
public sealed unsafe class MpiLibrary
{
    const int Success = 0;

    readonly delegate* unmanaged<int*, byte***, int, int*, int> init;
    readonly delegate* unmanaged<nint, int*, int> rank, size;
    readonly delegate* unmanaged<nint, int, int, nint, nint*, int> splitType;
    readonly delegate* unmanaged<nint, int, int, nint*, int> split;
    readonly delegate* unmanaged<nint, nint, int> setErrorHandler;
    readonly delegate* unmanaged<byte*, int, nint, byte*, int, nint, nint, nint*, int> allToAll, allGather;
    readonly delegate* unmanaged<byte*, int, nint, int, nint, nint*, int> broadcast;
    readonly delegate* unmanaged<nint, nint*, int> barrier;
    readonly delegate* unmanaged<nint*, int*, byte*, int> test;
    readonly delegate* unmanaged<nint, int, int> abort;
    readonly delegate* unmanaged<int> finalize;
    readonly delegate* unmanaged<int, byte*, int*, int> errorText;
    readonly Lock guard = new();
    readonly nint info, errorsReturn;
    readonly int shared, threads;

    /// <summary>Looks up the functions of a loaded library.</summary>
    /// <param name="handle">The library.</param>
    /// <param name="path">The path or name it was loaded with.</param>
    /// <exception cref="UserException">It is not an MPI library that this program supports.</exception>
    internal MpiLibrary(nint handle, string path)
    {
        Path = path;
        nint At(string name) => NativeLibrary.TryGetExport(handle, name, out var address) ? address
            : throw new UserException([new Problem($"{path} is not an MPI library of version 3 or later: it has no {name}", Hint: Remedy)]);
        Version = ReadVersion((delegate* unmanaged<byte*, int*, int>)At("MPI_Get_library_version"));
        Family = FamilyOf(Version, NativeLibrary.TryGetExport(handle, "MPI_Abi_get_version", out var abi) ? abi : 0);
        init = (delegate* unmanaged<int*, byte***, int, int*, int>)At("MPI_Init_thread");
        rank = (delegate* unmanaged<nint, int*, int>)At("MPI_Comm_rank");
        size = (delegate* unmanaged<nint, int*, int>)At("MPI_Comm_size");
        splitType = (delegate* unmanaged<nint, int, int, nint, nint*, int>)At("MPI_Comm_split_type");
        split = (delegate* unmanaged<nint, int, int, nint*, int>)At("MPI_Comm_split");
        setErrorHandler = (delegate* unmanaged<nint, nint, int>)At("MPI_Comm_set_errhandler");
        allToAll = (delegate* unmanaged<byte*, int, nint, byte*, int, nint, nint, nint*, int>)At("MPI_Ialltoall");
        allGather = (delegate* unmanaged<byte*, int, nint, byte*, int, nint, nint, nint*, int>)At("MPI_Iallgather");
        broadcast = (delegate* unmanaged<byte*, int, nint, int, nint, nint*, int>)At("MPI_Ibcast");
        barrier = (delegate* unmanaged<nint, nint*, int>)At("MPI_Ibarrier");
        test = (delegate* unmanaged<nint*, int*, byte*, int>)At("MPI_Test");
        abort = (delegate* unmanaged<nint, int, int>)At("MPI_Abort");
        finalize = (delegate* unmanaged<int>)At("MPI_Finalize");
        errorText = (delegate* unmanaged<int, byte*, int*, int>)At("MPI_Error_string");
        (World, Byte, info, errorsReturn, InPlace, shared, threads) = Family switch
        {
            MpiFamily.OpenMpi => (At("ompi_mpi_comm_world"), At("ompi_mpi_byte"), At("ompi_mpi_info_null"), At("ompi_mpi_errors_return"), (nint)1, 0, 3),
            MpiFamily.Mpich => (0x44000000, 0x4c00010d, 0x1c000000, 0x54000001, -1, 1, 3),
            _ => (0x101, 0x247, 0x130, 0x143, 1, 221, 4096),
        };
    }

    const string Remedy = "name the library that belongs to the launcher in TRANSFORMER_MPI";

    /// <summary>The path or name it was loaded with.</summary>
    public string Path { get; }

    /// <summary>The first line of the version that the library reports.</summary>
    public string Version { get; }

    /// <summary>How it represents handles.</summary>
    public MpiFamily Family { get; }

    /// <summary>All processes.</summary>
    internal nint World { get; }

    nint Byte { get; }

    /// <summary>MPI_IN_PLACE: passed instead of a send buffer if the receive buffer has the numbers.</summary>
    internal nint InPlace { get; }

    static string ReadVersion(delegate* unmanaged<byte*, int*, int> read)
    {
        const int longest = 8192;
        var text = stackalloc byte[longest + 1];
        int length;
        if (read(text, &length) != Success) return "an MPI library that does not report its version";
        return Encoding.UTF8.GetString(text, Math.Clamp(length, 0, longest)).Trim('\0').Split(',', '\n')[0].Replace("Version:", "").Replace("\t", " ").Replace("  ", " ").Trim();
    }

    // A library may export the standard ABI's functions in addition to its own; its ABI version is then -1.
    static MpiFamily FamilyOf(string version, nint abi)
    {
        if (abi != 0)
        {
            int major = -1, minor = -1;
            if (((delegate* unmanaged<int*, int*, int>)abi)(&major, &minor) == Success && major >= 1) return MpiFamily.Standard;
        }
        return version.StartsWith("Open MPI", StringComparison.Ordinal) ? MpiFamily.OpenMpi : MpiFamily.Mpich;
    }

    /// <summary>Initialises the library; once per process.</summary>
    internal void Start()
    {
        int provided;
        if (Family == MpiFamily.OpenMpi) ProcessSettings.PrepareOpenMpi();
        Check(init(null, null, threads, &provided), "MPI_Init_thread");
        // By default an error ends the process.
        Check(setErrorHandler(World, errorsReturn), "MPI_Comm_set_errhandler");
    }

    internal (int Rank, int Size) PositionIn(nint group)
    {
        int own, all;
        Check(rank(group, &own), "MPI_Comm_rank");
        Check(size(group, &all), "MPI_Comm_size");
        return (own, all);
    }

    internal nint SplitByMachine(nint group, int key)
    {
        nint part = 0;
        lock (guard) Check(splitType(group, shared, key, info, &part), "MPI_Comm_split_type");
        return part;
    }

    internal nint Split(nint group, int color, int key)
    {
        nint part = 0;
        lock (guard) Check(split(group, color, key, &part), "MPI_Comm_split");
        lock (guard) Check(setErrorHandler(part, errorsReturn), "MPI_Comm_set_errhandler");
        return part;
    }

    // Requests have 32 or 64 bits: the slot is zeroed, so that both work. Counts are in bytes.
    internal nint StartAllToAll(byte* send, byte* receive, int each, nint group)
    {
        nint request = 0;
        lock (guard) Check(allToAll(send, each, Byte, receive, each, Byte, group, &request), "MPI_Ialltoall");
        return request;
    }

    internal nint StartAllGather(byte* send, byte* receive, int each, nint group)
    {
        nint request = 0;
        lock (guard) Check(allGather(send, each, Byte, receive, each, Byte, group, &request), "MPI_Iallgather");
        return request;
    }

    internal nint StartBroadcast(byte* data, int bytes, int root, nint group)
    {
        nint request = 0;
        lock (guard) Check(broadcast(data, bytes, Byte, root, group, &request), "MPI_Ibcast");
        return request;
    }

    internal nint StartBarrier(nint group)
    {
        nint request = 0;
        lock (guard) Check(barrier(group, &request), "MPI_Ibarrier");
        return request;
    }

    /// <summary>Makes progress, and returns whether a request is complete.</summary>
    internal bool IsDone(ref nint request)
    {
        const int largestStatus = 64;
        var status = stackalloc byte[largestStatus];
        int done;
        fixed (nint* slot = &request)
            lock (guard) Check(test(slot, &done, status), "MPI_Test");
        return done != 0;
    }

    internal void Abort(nint group, int code) => abort(group, code);

    internal void Finish() => finalize();

    void Check(int result, string function)
    {
        if (result == Success) return;
        const int longest = 8192;
        var text = stackalloc byte[longest + 1];
        int length = 0;
        var said = errorText(result, text, &length) == Success ? Encoding.UTF8.GetString(text, Math.Clamp(length, 0, longest)) : $"error {result}";
        throw new ProcessFailedException($"{function}: {said}");
    }
}
