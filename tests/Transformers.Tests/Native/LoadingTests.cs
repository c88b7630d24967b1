namespace Transformers.Tests.Native;

public sealed class LoadingTests : FolderTest
{
    string Installed(string version, bool wheel = false)
    {
        var lib = At("torch", "lib");
        Directory.CreateDirectory(lib);
        File.WriteAllText(Path.Combine(lib, SharedLibrary.FileName("torch_cpu")), "");
        if (wheel) File.WriteAllText(At("torch", "version.py"), $"from typing import Optional\n__version__ = '{version}'\ndebug = False\n");
        else File.WriteAllText(At("torch", "build-version"), version + "\n");
        return lib;
    }

    static (string Reason, string Remedy)? Fault(string folder, bool cuda = false) =>
        new TorchCandidate("a test", folder, TorchCandidate.VersionBeside(folder), cuda).Fault();

    [Theory]
    [InlineData("1.13.1", true)]
    [InlineData("1.13.1+cpu", false)]
    [InlineData("2.9.1+cu128", true)]
    public void A_libtorch_that_is_too_old_is_refused_before_it_is_loaded(string version, bool wheel)
    {
        var fault = Fault(Installed(version, wheel));
        Assert.Contains($"version {version} is too old: 2.10 or later is needed", fault!.Value.Reason);
    }

    [Theory]
    [InlineData("2.10.0+cpu", false)]
    [InlineData("2.11.0+cu130", true)]
    [InlineData("3.0.0a0+git1234567", true)]
    public void Newer_ones_are_taken(string version, bool wheel) => Assert.Null(Fault(Installed(version, wheel)));

    [Fact]
    public void What_is_missing_is_named()
    {
        Assert.Contains("the folder does not exist", Fault(At("nowhere"))!.Value.Reason);
        Directory.CreateDirectory(At("empty"));
        Assert.Contains("has no", Fault(At("empty"))!.Value.Reason);
        Assert.Contains("without CUDA", Fault(Installed("2.11.0"), cuda: true)!.Value.Reason);
        File.Delete(At("torch", "build-version"));
        Assert.Contains("version is unknown", Fault(At("torch", "lib"))!.Value.Reason);
    }

    [Fact]
    public void One_bit_makes_a_requirement_weak_and_nothing_else_changes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        var original = File.ReadAllBytes(TorchSharpBinding.Find());
        var patched = original.ToArray();
        Assert.Equal(1, PatchedLibrary.Weaken(patched, SystemLibraries.IostreamsVersion));
        var changed = Enumerable.Range(0, original.Length).Where(i => original[i] != patched[i]).ToList();
        Assert.Single(changed);
        Assert.Equal(2, original[changed[0]] ^ patched[changed[0]]);
        Assert.Equal(0, PatchedLibrary.Weaken(patched, "GLIBCXX_9.9.9"));
    }

    [Fact]
    public void A_damaged_copy_in_the_cache_is_made_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        var copy = PatchedLibrary.Create(TorchSharpBinding.Find(), Folder).Path;
        var good = File.ReadAllBytes(copy);
        File.WriteAllBytes(copy, good[..1000]);
        Assert.Equal(copy, PatchedLibrary.Create(TorchSharpBinding.Find(), Folder).Path);
        Assert.Equal(good, File.ReadAllBytes(copy));
    }

    [Fact]
    public void What_is_loaded_is_listed_and_exists()
    {
        var loaded = NativeLibraries.Load();
        Assert.StartsWith("2.", loaded.Version);
        Assert.All(loaded.Files, file => Assert.True(File.Exists(file), file));
        Assert.Contains(loaded.Files, file => file.Contains("torch_cpu", StringComparison.Ordinal));
        Assert.Contains("LibTorchSharp", loaded.Files[^1]);
    }

    [Fact]
    public void Of_libtorch_only_one_copy_is_in_the_process_and_no_output_folder_has_one()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs Linux");
        var mapped = File.ReadLines("/proc/self/maps").Select(line => line.Split(' ')[^1]).Where(file => file.EndsWith("libtorch_cpu.so", StringComparison.Ordinal)).Distinct();
        Assert.Single(mapped);
        Assert.Empty(Directory.EnumerateFiles(AppContext.BaseDirectory, SharedLibrary.FileName("torch_cpu"), SearchOption.AllDirectories));
    }
}
