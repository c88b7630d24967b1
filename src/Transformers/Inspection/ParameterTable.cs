using TorchSharp;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Inspection;

/// <summary>One tensor of a model.</summary>
/// <param name="Name">Its name, as checkpoints have it.</param>
/// <param name="Shape">Its sizes.</param>
public sealed record ParameterShape(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>The number of its parameters.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>The parameters of a model, without their memory.</summary>
public static class ParameterTable
{
    /// <summary>The parameters of a model that stands.</summary>
    public static IReadOnlyList<ParameterShape> Of(nn.Module model) =>
        [.. model.named_parameters().Select(named => new ParameterShape(named.name, [.. named.parameter.shape]))];

    /// <summary>The parameters that a config gives: a model of one block is made, and its block counted as often as there are layers.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="vocabulary">The number of tokens V.</param>
    public static IReadOnlyList<ParameterShape> Of(GptConfig config, int vocabulary)
    {
        using var scope = NewDisposeScope();
        using var model = new Gpt(config with { Layers = 1 }, vocabulary);
        return Repeated(Of(model), "blocks.0.", config.Layers);
    }

    internal static IReadOnlyList<ParameterShape> Repeated(IReadOnlyList<ParameterShape> table, string block, int layers)
    {
        var repeated = new List<ParameterShape>();
        var rest = table.Where(one => !one.Name.StartsWith(block, StringComparison.Ordinal)).ToList();
        var first = table.TakeWhile(one => !one.Name.StartsWith(block, StringComparison.Ordinal)).Count();
        repeated.AddRange(rest.Take(first));
        for (var layer = 0; layer < layers; layer++)
            foreach (var one in table.Where(one => one.Name.StartsWith(block, StringComparison.Ordinal)))
                repeated.Add(one with { Name = $"blocks.{layer}.{one.Name[block.Length..]}" });
        repeated.AddRange(rest.Skip(first));
        return repeated;
    }

    /// <summary>The table for people: the blocks, which are alike, as one.</summary>
    /// <returns>Name, with <c>*</c> for the layer; shape; how often; parameters in all.</returns>
    public static IReadOnlyList<(string Name, IReadOnlyList<long> Shape, int Times, long Count)> Grouped(IReadOnlyList<ParameterShape> table) =>
        [.. table.GroupBy(one => (Name: Starred(one.Name), Shape: string.Join('x', one.Shape)))
            .Select(group => (group.Key.Name, group.First().Shape, group.Count(), group.Sum(one => one.Count)))];

    static string Starred(string name) =>
        string.Join('.', name.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? "*" : part));
}
