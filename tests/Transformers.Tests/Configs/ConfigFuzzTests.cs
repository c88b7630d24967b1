namespace Transformers.Tests.Configs;

/// <summary>Mutated configs are bound or refused with their places, in bounded memory.</summary>
[Trait("Category", "slow")]
public class ConfigFuzzTests
{
    const int MemoryOfOne = 32 << 20;

    static byte[][] Ready(string pattern) =>
        [.. Directory.GetFiles(Repository.PathOf("configs"), pattern).Where(file => Path.GetFileName(file) != "schema.json").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    [Fact]
    public void Mutated_yaml_is_read_or_refused()
    {
        var seeds = Ready("*.yaml");
        Assert.True(seeds.Length >= 10, $"only {seeds.Length} configs to start from");
        using var folder = new TemporaryConfig("mutant.yaml");
        var accepted = Mutants.Read(Mutants.Count / 10, seeds, folder.Load, MemoryOfOne);
        Assert.InRange(accepted, 1, Mutants.Count / 10 - 1);
    }

    [Fact]
    public void Mutated_json_is_read_or_refused()
    {
        byte[] seed = Encoding.UTF8.GetBytes("""
            {"seed": 7, "data": {"kind": "text", "source": {"generator": "stories", "size": "60kB"}, "tokenizer": {"kind": "bytes"}, "holdout": 0.1},
             "model": {"kind": "gpt", "layers": 2, "heads": 2, "width": 32, "context": 32},
             "training": {"steps": 20, "batch": {"sequences": 8}, "optimizer": {"kind": "adamw", "lr": 0.001}, "validate": {"every": 10}}}
            """);
        using var folder = new TemporaryConfig("mutant.json");
        var accepted = Mutants.Read(Mutants.Count / 10, [seed], folder.Load, MemoryOfOne);
        Assert.InRange(accepted, 1, Mutants.Count / 10 - 1);
    }

    sealed class TemporaryConfig(string name) : IDisposable
    {
        readonly TempFolder folder = new();

        internal void Load(byte[] content)
        {
            File.WriteAllBytes(folder[name], content);
            try
            {
                ConfigFile.Load<RunConfig>([folder[name]]);
            }
            catch (UserException exception)
            {
                Assert.All(exception.Problems, problem => Assert.Equal(folder[name], problem.File));
                throw;
            }
        }

        public void Dispose() => folder.Dispose();
    }
}
