using System.Runtime.CompilerServices;
using Transformers.Native;

namespace Kernels.Tests;

/// <summary>The kernels on a pool of the tests' own, one test at a time.</summary>
static unsafe partial class TestLibrary
{
    [ModuleInitializer]
    internal static void Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TransformerCli.sln"))) folder = folder.Parent;
        var path = Path.Combine(folder!.FullName, "artifacts/native/libtransformer_kernels.so");
        NativeLibrary.SetDllImportResolver(typeof(TestLibrary).Assembly, (name, _, _) => name == KernelStatus.Library ? NativeLibrary.Load(path) : 0);
    }

    /// <summary>Runs a test with each instruction set's kernels that this processor has.</summary>
    internal static void ForEachSet(Action<string> test)
    {
        var seen = 0;
        try
        {
            foreach (var name in new[] { "baseline", "avx2", "avx512", "avx512_bf16" })
            {
                if (tk_choose_kernels(name) != 0) continue;
                seen++;
                test(name);
            }
        }
        finally
        {
            tk_choose_kernels("");
        }
        Assert.True(seen > 0);
    }

    /// <summary>Runs a test on a pool of so many threads.</summary>
    internal static void WithThreads(int count, Action test) => With(new Pool { ParallelFor = &RunOnThreads, Threads = &Count }, count, test);

    /// <summary>Runs a test on a pool that claims so many threads and runs their ranges one after the other.</summary>
    internal static void WithPretendedThreads(int count, Action test) => With(new Pool { ParallelFor = &RunInTurn, Threads = &Count }, count, test);

    static int threads = 1;

    static void With(Pool pool, int count, Action test)
    {
        threads = count;
        KernelStatus.Check(tk_initialize(&pool));
        try
        {
            test();
        }
        finally
        {
            KernelStatus.Check(tk_initialize(null));
        }
    }

    struct Pool
    {
        internal delegate* unmanaged<long, long, long, delegate* unmanaged<long, long, void*, void>, void*, int> ParallelFor;
        internal delegate* unmanaged<uint*, int> Threads;
    }

    [UnmanagedCallersOnly]
    static int Count(uint* count)
    {
        *count = (uint)threads;
        return 0;
    }

    [UnmanagedCallersOnly]
    static int RunOnThreads(long begin, long end, long grain, delegate* unmanaged<long, long, void*, void> range, void* context)
    {
        Thread[] started = [.. Enumerable.Range((int)begin, (int)(end - begin)).Select(i => new Thread(() => range(i, i + 1, context)))];
        foreach (var thread in started) thread.Start();
        foreach (var thread in started) thread.Join();
        return 0;
    }

    [UnmanagedCallersOnly]
    static int RunInTurn(long begin, long end, long grain, delegate* unmanaged<long, long, void*, void> range, void* context)
    {
        for (var i = begin; i < end; i++) range(i, i + 1, context);
        return 0;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_initialize(Pool* pool);

    [LibraryImport(KernelStatus.Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int tk_choose_kernels(string name);
}
