using System.IO.Compression;
using System.Runtime.InteropServices;
using Transformers.Native;

namespace TransformerCli.Tests;

/// <summary>The .NET tool: packed, installed into an empty folder and used there, with a home that has nothing of NuGet's or ours.</summary>
[Trait("Category", "slow")]
public sealed class ToolTests : FolderTest
{
    string Run(string program, params string[] arguments)
    {
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = At("home"), ["DOTNET_CLI_HOME"] = At("home"), ["NUGET_PACKAGES"] = At("packages"), ["DOTNET_NOLOGO"] = "1",
            ["DOTNET_ROOT"] = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..")),
        };
        string[] line = ["-u", "LIBTORCH", "-u", "TRANSFORMER_FETCH", "-u", "TRANSFORMER_KERNELS", "-u", "XDG_CACHE_HOME", program, .. arguments];
        (_, var output, Error) = Programs.Run("env", line, environment, At("work")).Done();
        return output;
    }

    // What the last program wrote to standard error.
    string Error { get; set; } = "";

    static string Pack(string folder, string version)
    {
        Programs.Run("dotnet", ["pack", Repository.PathOf("src", "TransformerCli"), "-c", Repository.Configuration, "--no-build", "-nologo", "-v", "quiet", "-o", folder, $"-p:PackageVersion={version}"]).Done();
        return Path.Combine(folder, $"TransformerCli.{version}.nupkg");
    }

    // The package of libtorch that the tests run with is the only source, so that no network is needed; without it, the usual source.
    static string SourceOfLibtorch()
    {
        var libraries = Path.GetDirectoryName(NativeLibraries.Load().Files.First(file => file.Contains("torch_cpu", StringComparison.Ordinal)))!;
        var package = Path.GetFullPath(Path.Combine(libraries, "..", "..", ".."));
        return Directory.EnumerateFiles(package, "libtorch-cpu-*.nupkg").Any() ? package : "https://api.nuget.org/v3/index.json";
    }

    [Fact]
    public void Packed_installed_and_used_in_an_empty_folder_it_trains_evaluates_and_generates()
    {
        var version = $"0.1.0-test.{Environment.ProcessId}";
        var package = Pack(At("feed"), version);
        using (var archive = ZipFile.OpenRead(package))
        {
            var names = archive.Entries.Select(entry => entry.FullName).ToList();
            foreach (var file in new[]
            {
                "configs/gpt-stories.yaml", "configs/schema.json", "runtimes/linux-x64/native/libLibTorchSharp.so", "runtimes/linux-x64/native/libSkiaSharp.so",
                "runtimes/win-x64/native/LibTorchSharp.dll", "runtimes/win-x64/native/libSkiaSharp.dll", "runtimes/osx-arm64/native/libLibTorchSharp.dylib", "runtimes/osx/native/libSkiaSharp.dylib",
            }) Assert.Contains($"tools/net10.0/any/{file}", names);
            Assert.DoesNotContain(names, name => name.Contains("torch_cpu", StringComparison.Ordinal));
        }

        Write("work/NuGet.config", $"""
            <configuration><packageSources><clear /><add key="libtorch" value="{SourceOfLibtorch()}" /></packageSources></configuration>
            """);
        Run("dotnet", "tool", "install", "TransformerCli", "--tool-path", At("tool"), "--add-source", At("feed"), "--version", version);
        var tool = At("tool/transformer");
        Assert.Contains("gpt-stories", Run(tool, "config", "list"));
        Assert.Contains("libtorch not found", Run(tool, "--version"));
        Assert.Contains("the first command that computes downloads libtorch-cpu-", Run(tool, "doctor"));
        Assert.False(Directory.Exists(At("packages/libtorch-cpu-linux-x64")));

        Write("work/tiny.yaml", """
            data:
              kind: text
              source: { generator: stories, size: 100kB }
              tokenizer: { kind: bpe, vocabulary: 300 }
            model: { kind: gpt, layers: 1, heads: 2, width: 32, context: 32 }
            training:
              steps: 30
              batch: { sequences: 8 }
              optimizer: { kind: adamw, lr: 3.0e-3 }
              validate: { every: 30 }
            """);
        Run(tool, "train", "tiny.yaml", "--run", "run");
        Assert.Single(Error.Split('\n'), line => line.StartsWith("downloading libtorch", StringComparison.Ordinal));
        using (var scores = JsonDocument.Parse(Run(tool, "eval", "run", "--json")))
            Assert.InRange(scores.RootElement.GetProperty("metrics").GetProperty("loss").GetDouble(), 1, 5.6);
        Assert.DoesNotContain("fetching", Error);
        Assert.StartsWith("Once", Run(tool, "generate", "run", "--prompt", "Once", "--max-new-tokens", "8"));

        using var doctor = JsonDocument.Parse(Run(tool, "doctor", "--json"));
        Assert.StartsWith(At("packages"), doctor.RootElement.GetProperty("files")[0].GetString());
        Assert.Contains("Skia", doctor.RootElement.GetProperty("image_codecs").GetString());
        if (File.Exists(Repository.PathOf("artifacts", "native", "libtransformer_kernels.so")))
            Assert.StartsWith(At("tool"), doctor.RootElement.GetProperty("kernels").GetString());
    }
}
