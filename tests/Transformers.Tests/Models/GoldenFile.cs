using TestSupport;
using Transformers.Checkpoints;
using static TorchSharp.torch;

namespace Transformers.Tests.Models;

/// <summary>Tensors that an independent implementation wrote, see tests/Golden.</summary>
sealed class GoldenFile : IDisposable
{
    readonly SafetensorsFile file;
    readonly string path;

    internal GoldenFile(string name)
    {
        path = Repository.PathOf("tests", "Golden", "data", name + ".safetensors");
        file = SafetensorsFile.Open(path);
    }

    internal string Setting(string name) => file.Header.Metadata[name];

    internal Tensor this[string name] => ModelTensors.Load(file, file.Tensors.FirstOrDefault(tensor => CurrentName(tensor.Name) == name) ?? throw new KeyNotFoundException(name), path);

    // The files have the names of an older version.
    static string CurrentName(string name) =>
        name.Split('.', 2) is [("weight" or "gradient") and var kind, var rest] ? $"{kind}.{TensorNames.Current(rest)}" : TensorNames.Current(name);

    internal void FillWeights(nn.Module model, string prefix = "weight.")
    {
        using var plain = no_grad();
        var names = file.Tensors.Where(t => t.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(t => CurrentName(t.Name)[prefix.Length..]).Order();
        Assert.Equal(names, model.named_parameters().Select(p => p.name).Order());
        foreach (var (name, parameter) in model.named_parameters()) parameter.copy_(this[prefix + name]);
    }

    internal void AssertGradients(nn.Module model, double tolerance, string prefix = "gradient.")
    {
        foreach (var (name, parameter) in model.named_parameters()) AssertClose(this[prefix + name], parameter.grad!, tolerance, name);
    }

    /// <summary>Close relative to the largest value of the expected tensor.</summary>
    internal static void AssertClose(Tensor expected, Tensor actual, double tolerance, string what)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected.shape, actual.shape);
        var scale = Math.Max(1e-3, expected.abs().max().item<float>());
        var error = (expected - actual).abs().max().item<float>();
        Assert.True(error <= tolerance * scale, $"{what}: off by {error} of {scale}");
    }

    public void Dispose() => file.Dispose();
}
