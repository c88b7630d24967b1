using System.Globalization;
using TorchSharp;
using Transformers.Layers;
using Transformers.Models;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>One tensor of a model.</summary>
/// <param name="Name">Its name, as in checkpoints.</param>
/// <param name="Shape">Its sizes.</param>
public sealed record ParameterShape(string Name, IReadOnlyList<long> Shape)
{
    /// <summary>The number of its parameters.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);
    /// <summary>Whether it belongs to a linear layer.</summary>
    internal bool Linear { get; init; }
}

/// <summary>The parameters of a model, without their memory.</summary>
public static class ParameterTable
{
    /// <summary>The parameters of a model.</summary>
    public static IReadOnlyList<ParameterShape> Of(nn.Module model)
    {
        var linear = model.named_modules().Where(named => named.module is Linear).Select(named => named.name).ToHashSet(StringComparer.Ordinal);
        return [.. model.named_parameters().Select(named => new ParameterShape(named.name, [.. named.parameter.shape])
        {
            Linear = linear.Contains(named.name[..Math.Max(0, named.name.LastIndexOf('.'))]),
        })];
    }

    /// <summary>The parameters of a text model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="vocabulary">The number of tokens V.</param>
    public static IReadOnlyList<ParameterShape> Of(ModelConfig model, int vocabulary) =>
        Kind.For(model).ListParameters(model, new DataProfile { Vocabulary = vocabulary, Batches = [] });

    /// <summary>The table of a model of which only one block of each kind was created.</summary>
    /// <param name="stacks">The prefix of each stack's names, and how often each created block occurs in it.</param>
    internal static IReadOnlyList<ParameterShape> Repeat(IReadOnlyList<ParameterShape> table, params (string Stack, IReadOnlyList<int> Times)[] stacks)
    {
        var repeated = new List<ParameterShape>();
        for (var at = 0; at < table.Count;)
        {
            var (stack, times) = stacks.FirstOrDefault(one => BlockOf(table[at].Name, one.Stack) is not null);
            if (stack is null)
            {
                repeated.Add(table[at++]);
                continue;
            }
            var block = BlockOf(table[at].Name, stack)!.Value;
            var parts = table.Skip(at).TakeWhile(one => BlockOf(one.Name, stack) == block).ToList();
            var first = times.Take(block).Sum();
            for (var layer = first; layer < first + times[block]; layer++)
                repeated.AddRange(parts.Select(one => one with { Name = $"{stack}{layer}{one.Name[$"{stack}{block}".Length..]}" }));
            at += parts.Count;
        }
        return repeated;
    }

    // The number after a stack's name, as in blocks.3.attention; null for other tensors.
    static int? BlockOf(string name, string stack) =>
        name.StartsWith(stack, StringComparison.Ordinal) && int.TryParse(name[stack.Length..].Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var block) ? block : null;

    /// <summary>The table for display: equal blocks are merged.</summary>
    /// <returns>Name, with <c>*</c> for the layer; shape; number of tensors; total number of parameters.</returns>
    public static IReadOnlyList<(string Name, IReadOnlyList<long> Shape, int Times, long Count)> Grouped(IReadOnlyList<ParameterShape> table) =>
        [.. table.GroupBy(one => (Name: Starred(one.Name), Shape: string.Join('x', one.Shape)))
            .Select(group => (group.Key.Name, group.First().Shape, group.Count(), group.Sum(one => one.Count)))];

    static string Starred(string name) =>
        string.Join('.', name.Split('.').Select(part => part.Length > 0 && part.All(char.IsAsciiDigit) ? "*" : part));
}
