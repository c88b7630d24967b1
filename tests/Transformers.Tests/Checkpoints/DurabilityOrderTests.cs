using System.Runtime.CompilerServices;

namespace Transformers.Tests.Checkpoints;

/// <summary>A test that watches system calls.</summary>
public sealed class StraceFactAttribute : FactAttribute
{
    public StraceFactAttribute([CallerFilePath] string? file = null, [CallerLineNumber] int line = -1) : base(file, line)
    {
        if (!OperatingSystem.IsLinux() || MountFactAttribute.Run("strace", "-o", "/dev/null", "true") != 0) Skip = "needs strace and the right to trace";
    }
}

[Trait("Category", "slow")]
public partial class DurabilityOrderTests : TempFolderTest
{
    [StraceFact]
    public void Everything_is_synced_before_it_gets_its_name_and_before_what_it_replaces_is_deleted()
    {
        CrashHostProcess.Run(["train", folder["run"], "4", "100", "now"], prefix: ["strace", "-f", "-y", "-e", "trace=fsync,rename,renameat,renameat2", "-o", folder["trace"], "-qq"]).Done();
        // As "fsync /path" and "rename /from /to", relative to the run. Calls split over two lines by another thread are joined by their start.
        var calls = File.ReadLines(folder["trace"]).Select(line => Call().Match(line)).Where(m => m.Success)
            .Select(m => string.Join(' ', m.Groups.Values.Skip(1).Where(g => g.Success).Select(g => g.Value)).Replace(folder["run/checkpoints"], "C")).ToList();

        int At(string call, int from = 0)
        {
            var found = calls.IndexOf(call, from);
            Assert.True(found >= 0, $"no '{call}' after call {from} of:\n{string.Join('\n', calls)}");
            return found;
        }
        for (var step = 1; step <= 4; step++)
        {
            var name = $"C/step-{step:D8}";
            var renamed = At($"rename {name}.tmp {name}");
            foreach (var file in new[] { "/model.safetensors", "/optimizer.safetensors", "/config.yaml", "/state.json", "/manifest.json", "" })
                Assert.InRange(At($"fsync {name}.tmp{file}"), 0, renamed - 1);
            var durable = At("fsync C", renamed);
            var pointed = At("rename C/latest.tmp C/latest", durable);
            Assert.InRange(calls.LastIndexOf("fsync C/latest.tmp", pointed), durable, pointed);
            At("fsync C", pointed);
        }
        // The best is step 3 from then on; with it the last two stay: steps 1 and 2 lose their names only after a newer one has its own.
        Assert.InRange(At("rename C/step-00000001 C/step-00000001.deleted.tmp"), At("rename C/latest.tmp C/latest", At("rename C/step-00000003.tmp C/step-00000003")), int.MaxValue);
    }

    [GeneratedRegex("""(fsync|rename)(?:at2?)?\((?:\d+<([^>]*)>|(?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)", (?:AT_FDCWD(?:<[^>]*>)?, )?"([^"]*)")""")]
    private static partial Regex Call();
}
