namespace Transformers.Native;

/// <summary>Finds and loads the library of kernels, and passes it libtorch's thread pool.</summary>
/// <remarks>The library is beside the application or, in a checkout, in <c>artifacts/native</c>. Without it, everything runs on libtorch's
/// own operators.</remarks>
static unsafe partial class KernelLibrary
{
    /// <summary>The environment variable that names another library, or switches the kernels off.</summary>
    internal const string Variable = "TRANSFORMER_KERNELS";

    // The version of src/Kernels/transformer_kernels.h that the structs of this folder match.
    const int Interface = 3;

    static readonly Lazy<Loaded> loaded = new(Load);

    /// <summary>Whether the kernels are available.</summary>
    internal static bool IsAvailable => !SwitchedOff && loaded.Value.Handle != 0;

    /// <summary>Makes everything run on libtorch's own operators, for tests that compare the two.</summary>
    internal static bool SwitchedOff { get; set; }

    /// <summary>Why they are not available, with the remedy; null if they are.</summary>
    internal static Problem? Reason => loaded.Value.Reason;

    /// <summary>The file; null if there is none.</summary>
    internal static string? Path => loaded.Value.Path;

    /// <summary>The instruction set in use: <c>avx512_bf16</c>, <c>avx512</c>, <c>avx2</c> or <c>baseline</c>.</summary>
    internal static string InstructionSet => Marshal.PtrToStringUTF8(tk_kernels())!;

    /// <summary>Whether the kernels can multiply in bfloat16.</summary>
    internal static bool MultipliesBFloat16 => IsAvailable && tk_bf16_products() != 0;

    /// <summary>Frees the scratch memory that the kernels keep between calls; returns its size in bytes.</summary>
    internal static long TrimMemory()
    {
        if (loaded is not { IsValueCreated: true, Value.Handle: not 0 }) return 0;
        tk_trim_tensor_memory();
        return tk_trim();
    }

    /// <summary>Limits the kernels to this many threads; results do not depend on it.</summary>
    internal static void LimitThreads(int most)
    {
        if (IsAvailable) KernelStatus.Check(tk_limit_workers(most));
    }

    /// <summary>Whether tensors on the CPU are allocated from the kernels' pool; see <c>tensor_memory.cpp</c>.</summary>
    internal static bool HasTensorMemory { get; private set; }

    /// <summary>Chooses an instruction set by name, for tests; an empty name chooses the best.</summary>
    /// <returns>False if the processor lacks it.</returns>
    internal static bool Choose(string instructionSet) => tk_choose_kernels(instructionSet) == 0;

    // Both are part of libtorch's stable C interface since 2.10.
    static void UseThreadsOf(nint torch)
    {
        var pool = new Pool { ParallelFor = NativeLibrary.GetExport(torch, "torch_parallel_for"), Count = NativeLibrary.GetExport(torch, "torch_get_num_threads") };
        KernelStatus.Check(tk_initialize(&pool));
    }

    static Loaded Load()
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        if (IsNamedOff) return new(0, null, new($"{Variable} switches them off", Hint: "unset it"));
        var candidates = string.IsNullOrEmpty(named) ? Candidates() : [named];
        if (candidates.FirstOrDefault(File.Exists) is not { } path)
            return new(0, null, string.IsNullOrEmpty(named)
                ? new($"{FileName} is neither beside the program nor in artifacts/native", Hint: $"copy {FileName} beside the program, or install g++ or clang and run scripts/setup in a checkout")
                : new($"{Variable} names {named}, which does not exist", Hint: "correct it, or unset it"));
        var (what, remedy) = string.IsNullOrEmpty(named) ? (path, (string?)null) : ($"{Variable} names {path}, which", "correct it, or unset it");
        if (!NativeLibrary.TryLoad(path, out var handle)) return new(0, path, new($"{what} does not load on this system", Hint: remedy ?? "run scripts/build-kernels on this machine"));
        if (!NativeLibrary.TryGetExport(handle, "tk_abi_version", out var version) || ((delegate* unmanaged<int>)version)() != Interface)
            return new(0, path, new($"{what} was built from another version of this program", Hint: remedy ?? "run scripts/build-kernels"));
        NativeLibrary.SetDllImportResolver(typeof(KernelLibrary).Assembly, (name, _, _) => name == KernelStatus.Library ? handle : 0);
        var libraries = NativeLibraries.Load();
        UseThreadsOf(libraries.Torch);
        if (libraries.Files.Select(System.IO.Path.GetFileName).FirstOrDefault(file => file!.StartsWith("libc10.", StringComparison.Ordinal)) is { } allocator)
            HasTensorMemory = tk_use_tensor_memory(allocator) == 0;
        return new(handle, path, null);
    }

    /// <summary>Whether the environment asks for libtorch's own operators.</summary>
    internal static bool IsNamedOff => Environment.GetEnvironmentVariable(Variable) is "off" or "0";

    static string FileName => OperatingSystem.IsWindows() ? "transformer_kernels.dll" : OperatingSystem.IsMacOS() ? "libtransformer_kernels.dylib" : "libtransformer_kernels.so";

    static IEnumerable<string> Candidates()
    {
        foreach (var folder in TorchCandidates.Application) yield return System.IO.Path.Combine(folder, FileName);
        for (var parent = Directory.GetParent(AppContext.BaseDirectory); parent is not null; parent = parent.Parent)
            yield return System.IO.Path.Combine(parent.FullName, "artifacts", "native", FileName);
    }

    sealed record Loaded(nint Handle, string? Path, Problem? Reason);

    struct Pool
    {
        internal nint ParallelFor, Count;
    }

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_initialize(Pool* pool);

    [LibraryImport(KernelStatus.Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int tk_choose_kernels(string name);

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_limit_workers(int most);

    [LibraryImport(KernelStatus.Library)]
    private static partial nint tk_kernels();

    [LibraryImport(KernelStatus.Library)]
    private static partial int tk_bf16_products();

    [LibraryImport(KernelStatus.Library)]
    private static partial long tk_trim();

    [LibraryImport(KernelStatus.Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int tk_use_tensor_memory(string library);

    [LibraryImport(KernelStatus.Library)]
    private static partial void tk_trim_tensor_memory();
}

/// <summary>The library of kernels that is in use, for <c>doctor</c> and for the commands that compute.</summary>
public static class KernelReport
{
    /// <summary>Its file; null if there is none.</summary>
    public static string? Path => KernelLibrary.IsAvailable ? KernelLibrary.Path : null;

    /// <summary>The instruction set in use: <c>avx512_bf16</c>, <c>avx512</c>, <c>avx2</c> or <c>baseline</c>.</summary>
    public static string? InstructionSet => KernelLibrary.IsAvailable ? KernelLibrary.InstructionSet : null;

    /// <summary>Whether tensors in CPU memory come from the library's pool.</summary>
    public static bool HasTensorMemory => KernelLibrary.IsAvailable && KernelLibrary.HasTensorMemory;

    /// <summary>Why the kernels are not in use, and the remedy; null if they are.</summary>
    public static Problem? Missing => KernelLibrary.IsAvailable || KernelLibrary.Reason is not { } reason ? null
        : reason with { Message = $"the kernels are not in use, so computing on a CPU is slower: {reason.Message}" };

    /// <summary>Whether the user has switched them off.</summary>
    public static bool IsSwitchedOff => KernelLibrary.IsNamedOff;
}
