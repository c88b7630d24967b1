using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>Tensors that an independent implementation wrote, see tests/Golden: a model's weights, an input, and what becomes of them.</summary>
sealed class GoldenFile(string name) : IDisposable
{
    readonly SafetensorsFile file = SafetensorsFile.Open(Repository.Golden("data", name + ".safetensors"));

    internal string Setting(string name) => file.Header.Metadata[name];

    /// <summary>The model, in files that say it.</summary>
    internal ModelConfig Config => ConfigFile.Parse<ModelFragment>(Setting("config")).Model;

    internal Tensor this[string name] => ModelTensors.Load(file, file.Tensors.FirstOrDefault(tensor => CurrentName(tensor.Name) == name) ?? throw new KeyNotFoundException(name), file.Path);

    // The files have the names of an older version.
    static string CurrentName(string name) =>
        name.Split('.', 2) is [("weight" or "gradient") and var kind, var rest] ? $"{kind}.{TensorNames.Current(rest)}" : TensorNames.Current(name);

    /// <summary>Gives a model the file's weights; every parameter must be there, and none left over.</summary>
    internal void FillWeights(nn.Module model)
    {
        const string prefix = "weight.";
        using var plain = no_grad();
        var names = file.Tensors.Where(t => t.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(t => CurrentName(t.Name)[prefix.Length..]).Order();
        Assert.Equal(names, model.named_parameters().Select(p => p.name).Order());
        foreach (var (name, parameter) in model.named_parameters())
        {
            Assert.Equal(this[prefix + name].shape, parameter.shape);
            parameter.copy_(this[prefix + name]);
        }
    }

    internal void AssertGradients(nn.Module model, double tolerance)
    {
        foreach (var (name, parameter) in model.named_parameters()) AssertClose(this["gradient." + name], parameter.grad!, tolerance, name);
    }

    /// <summary>Close relative to the largest value of the expected tensor, or to <paramref name="least"/> if that is larger.</summary>
    internal static void AssertClose(Tensor expected, Tensor actual, double tolerance, string what, double least = 1e-3)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var scale = Math.Max(least, expected.abs().max().item<float>());
        var error = (expected - actual).abs().max().item<float>();
        Assert.True(error <= tolerance * scale, $"{what}: off by {error} of {scale}");
    }

    /// <summary>Close relative to the largest value of the expected tensor, or absolutely if all are below 1.</summary>
    internal static void Close(Tensor expected, Tensor actual, double tolerance, string what) => AssertClose(expected, actual, tolerance, what, least: 1);

    public void Dispose() => file.Dispose();
}
