using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Transformers.Tests.Processes;

/// <summary>A test that compiles a small library in C.</summary>
public sealed class CompilerTheoryAttribute : TheoryAttribute
{
    public CompilerTheoryAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists("/usr/bin/cc")) Skip = "needs a C compiler (cc)";
    }
}

/// <summary>The calls to libraries that are not on this machine, recorded by libraries that stand for them in name only.</summary>
[Collection("engine")]
public sealed partial class FakeLibraryTests : FolderTest
{
    string Log => At("log");
    string[] Calls => File.Exists(Log) ? File.ReadAllLines(Log) : [];

    public override void Dispose()
    {
        setenv("FAKE_FAILS", "", 1);
        base.Dispose();
    }

    string Build(string source, params string[] options)
    {
        var library = At($"{source}{string.Concat(options)}.so");
        using var compiler = Process.Start("/usr/bin/cc", ["-shared", "-fPIC", "-O1", .. options, "-o", library, Repository.PathOf($"tests/Transformers.Tests/Processes/Fakes/{source}.c")]);
        compiler.WaitForExit();
        Assert.Equal(0, compiler.ExitCode);
        setenv("FAKE_LOG", Log, 1);
        return library;
    }

    // The libraries read the environment that C has.
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int setenv(string name, string value, int overwrite);

    [CompilerTheory]
    [InlineData(1, MpiFamily.OpenMpi, "Open MPI v5.0.7")]
    [InlineData(2, MpiFamily.Standard, "MPICH 5.0.2")]
    public void Open_MPI_5_and_the_interface_of_MPI_5_are_called_with_their_own_handles(int family, MpiFamily wanted, string version)
    {
        var path = Build("mpi", $"-DFAMILY={family}");
        var library = new MpiLibrary(NativeLibrary.Load(path), path);
        Assert.Equal((wanted, version), (library.Family, library.Version));
        using (var processes = new MpiCommunicator(library, pieceBytes: 80_000))
        {
            using var numbers = arange(40_000, dtype: ScalarType.Float32);
            processes.AllReduce(numbers);
            // Both processes have the same numbers: the sum of the own half is twice these.
            Assert.Equal(2 * 19_999f, numbers[19_999].item<float>());
            Span<double> few = [1.5, 2];
            processes.AllReduce(few);
            Assert.Equal([3, 4], few.ToArray());
            processes.Broadcast(new byte[10].AsSpan());
        }
        Assert.DoesNotContain(Calls, call => call.EndsWith("WRONG", StringComparison.Ordinal));
        // 20,000 numbers of 4 bytes each way, in two pieces of 40,000 bytes; then the sums, and a few numbers at once; two barriers before the end.
        Assert.Equal(["init 0", "errors 0", "rank 0", "size 0", "split_type 0", "rank 0", "size 0", "alltoall 40000", "alltoall 40000", "allgather 40000", "allgather 40000", "allgather 16", "bcast 10", "barrier 0", "barrier 0", "finalize 0"], Calls);
    }

    [CompilerTheory]
    [InlineData("the interface of NCCL 2.27")]
    public void NCCL_is_called_in_the_right_order_with_the_right_parts(string what)
    {
        Assert.NotEmpty(what);
        var mpi = Build("mpi", "-DFAMILY=2");
        setenv(NcclLibrary.LibraryVariable, "", 1);
        Environment.SetEnvironmentVariable(NcclLibrary.LibraryVariable, Build("nccl"));
        try
        {
            using var host = new MpiCommunicator(new MpiLibrary(NativeLibrary.Load(mpi), mpi));
            File.Delete(Log);
            using var processes = new NcclCommunicator(host, NcclLibrary.Load(), onHost: tensor => tensor.dtype == ScalarType.Float64);
            using var wide = zeros(1000, dtype: ScalarType.Float32);
            using var narrow = zeros(1000, dtype: ScalarType.BFloat16);
            using var local = ones(1000, dtype: ScalarType.Float64);
            processes.AllReduce(wide);
            processes.ReduceScatter(narrow);
            processes.AllGather(narrow);
            processes.Broadcast(wide, 1);
            processes.AllReduce(local);
            Assert.Equal(2, local[0].item<double>());
            using (processes.Split(1, 0)) { }
            Assert.Throws<ArgumentException>(() => processes.ReduceScatter(wide.narrow(0, 0, 999)));
            // The device's failures surface at the next exchange of the host.
            processes.AllReduce([1.0]);
            setenv("FAKE_FAILS", "1", 1);
            Assert.Contains("remote process", Assert.Throws<ProcessFailedException>(() => processes.AllReduce([1.0])).Message);
            setenv("FAKE_FAILS", "0", 1);
        }
        finally
        {
            Environment.SetEnvironmentVariable(NcclLibrary.LibraryVariable, null);
        }
        // 7 is ncclFloat32, 9 ncclBfloat16, 0 ncclInt8; offsets in bytes: process 0 has the first part.
        Assert.Equal(["id 0 0 0", "init 2 0 0", "allreduce 1000 7 1", "reducescatter 500 9 0", "allgather 1000 0 0", "broadcast 4000 0 1", "split 1 0 1", "destroy 0 0 0", "destroy 0 0 0"],
            Calls.Where(call => !call.StartsWith("bcast", StringComparison.Ordinal) && !call.StartsWith("allgather 8", StringComparison.Ordinal) && call.Split(' ').Length == 4));
    }
}
