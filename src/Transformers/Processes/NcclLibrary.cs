using System.Runtime.CompilerServices;
using Transformers.Native;

namespace Transformers.Processes;

/// <summary>NVIDIA's library for exchanges between CUDA devices, called through its C interface (version 2).</summary>
public sealed unsafe class NcclLibrary
{
    /// <summary>The path of a library to use instead of the loader's or a Python installation's.</summary>
    public const string LibraryVariable = "TRANSFORMER_NCCL";

    const string Name = "libnccl.so.2";

    /// <summary>The identifier of a group; the first process creates it, and MPI broadcasts it.</summary>
    [InlineArray(128)]
    internal struct UniqueId
    {
        byte first;
    }

    /// <summary>The numbers of <c>ncclDataType_t</c> that are exchanged here.</summary>
    internal enum DataType { Int8 = 0, Float32 = 7, Float64 = 8, BFloat16 = 9 }

    const int Sum = 0;

    readonly delegate* unmanaged<UniqueId*, int> getUniqueId;
    readonly delegate* unmanaged<nint*, int, UniqueId, int, int> initRank;
    readonly delegate* unmanaged<nint, int, int, nint*, nint, int> split;
    readonly delegate* unmanaged<nint, nint, nuint, DataType, int, nint, nint, int> allReduce, reduceScatter;
    readonly delegate* unmanaged<nint, nint, nuint, DataType, nint, nint, int> allGather;
    readonly delegate* unmanaged<nint, nint, nuint, DataType, int, nint, nint, int> broadcast;
    readonly delegate* unmanaged<nint, int*, int> asyncError;
    readonly delegate* unmanaged<nint, int> abort, destroy;
    readonly delegate* unmanaged<int, byte*> errorText;
    readonly delegate* unmanaged<int*, int> version;

    NcclLibrary(nint handle, string path)
    {
        nint At(string name) => NativeLibrary.TryGetExport(handle, name, out var address) ? address
            : throw new UserException([new Problem($"{path} is not NCCL 2.18 or later: it has no {name}", Hint: $"name another one in {LibraryVariable}")]);
        getUniqueId = (delegate* unmanaged<UniqueId*, int>)At("ncclGetUniqueId");
        initRank = (delegate* unmanaged<nint*, int, UniqueId, int, int>)At("ncclCommInitRank");
        split = (delegate* unmanaged<nint, int, int, nint*, nint, int>)At("ncclCommSplit");
        allReduce = (delegate* unmanaged<nint, nint, nuint, DataType, int, nint, nint, int>)At("ncclAllReduce");
        reduceScatter = (delegate* unmanaged<nint, nint, nuint, DataType, int, nint, nint, int>)At("ncclReduceScatter");
        allGather = (delegate* unmanaged<nint, nint, nuint, DataType, nint, nint, int>)At("ncclAllGather");
        broadcast = (delegate* unmanaged<nint, nint, nuint, DataType, int, nint, nint, int>)At("ncclBroadcast");
        asyncError = (delegate* unmanaged<nint, int*, int>)At("ncclCommGetAsyncError");
        abort = (delegate* unmanaged<nint, int>)At("ncclCommAbort");
        destroy = (delegate* unmanaged<nint, int>)At("ncclCommDestroy");
        errorText = (delegate* unmanaged<int, byte*>)At("ncclGetErrorString");
        version = (delegate* unmanaged<int*, int>)At("ncclGetVersion");
    }

    /// <summary>Loads NCCL: the one that TRANSFORMER_NCCL names, the system's, or the one beside a libtorch with CUDA.</summary>
    /// <exception cref="UserException">There is none, or it is too old.</exception>
    public static NcclLibrary Load()
    {
        var failed = new List<string>();
        foreach (var path in Candidates())
            try
            {
                return new NcclLibrary(SharedLibrary.Open(path), path);
            }
            catch (DllNotFoundException exception)
            {
                failed.Add(exception.Message);
            }
        throw new UserException($"several CUDA devices need NCCL, which was not found: {string.Join("; ", failed)}", $"install it (pip install nvidia-nccl-cu12), or name it in {LibraryVariable}");
    }

    static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } named) return [named];
        // In Python installations, NCCL is in a separate folder next to libtorch's.
        var beside = (NativeLibraries.Loaded?.Files ?? []).Select(Path.GetDirectoryName).OfType<string>().Distinct()
            .SelectMany(folder => new[] { Path.Combine(folder, Name), Path.Combine(folder, "..", "..", "nvidia", "nccl", "lib", Name) }).Where(File.Exists);
        return [Name, .. beside];
    }

    /// <summary>NCCL's version, such as 2.27.3; null if it cannot be loaded.</summary>
    public static string? FindVersion()
    {
        try
        {
            return Load().Version;
        }
        catch (UserException)
        {
            return null;
        }
    }

    /// <summary>Its version.</summary>
    public string Version
    {
        get
        {
            int number;
            Check(version(&number), "ncclGetVersion");
            return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{number / 10000}.{number / 100 % 100}.{number % 100}");
        }
    }

    internal UniqueId MakeId()
    {
        UniqueId id;
        Check(getUniqueId(&id), "ncclGetUniqueId");
        return id;
    }

    internal nint Join(UniqueId id, int rank, int size)
    {
        nint joined = 0;
        Check(initRank(&joined, size, id, rank), "ncclCommInitRank");
        return joined;
    }

    internal nint Split(nint group, int color, int key)
    {
        nint part = 0;
        Check(split(group, color, key, &part, 0), "ncclCommSplit");
        return part;
    }

    internal void AllReduce(nint data, long count, DataType type, nint group, nint stream) => Check(allReduce(data, data, (nuint)count, type, Sum, group, stream), "ncclAllReduce");

    internal void ReduceScatter(nint send, nint receive, long count, DataType type, nint group, nint stream) => Check(reduceScatter(send, receive, (nuint)count, type, Sum, group, stream), "ncclReduceScatter");

    internal void AllGather(nint send, nint receive, long count, DataType type, nint group, nint stream) => Check(allGather(send, receive, (nuint)count, type, group, stream), "ncclAllGather");

    internal void Broadcast(nint data, long count, DataType type, int root, nint group, nint stream) => Check(broadcast(data, data, (nuint)count, type, root, group, stream), "ncclBroadcast");

    /// <summary>Throws if anything has gone wrong on the device since the last call.</summary>
    internal void ThrowIfFailed(nint group)
    {
        int state;
        Check(asyncError(group, &state), "ncclCommGetAsyncError");
        const int inProgress = 7;
        if (state != inProgress) Check(state, "NCCL");
    }

    internal void Abort(nint group) => abort(group);

    internal void Destroy(nint group) => destroy(group);

    void Check(int result, string function)
    {
        if (result != 0) throw new ProcessFailedException($"{function}: {Marshal.PtrToStringUTF8((nint)errorText(result)) ?? $"error {result}"}");
    }
}
