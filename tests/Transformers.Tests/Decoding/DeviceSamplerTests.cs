using static TorchSharp.torch;

namespace Transformers.Tests.Decoding;

[Collection("engine")]
public sealed class DeviceSamplerTests
{
    const int Rows = 50, V = 300, Known = 280;

    public static TheoryData<string> Settings => ["plain", "temperature", "top_k", "top_p", "min_p", "penalty", "all", "greedy", "one"];

    static GenerationOptions OptionsOf(string name) => name switch
    {
        "temperature" => new() { Temperature = 0.6 },
        "top_k" => new() { TopK = 7 },
        "top_p" => new() { TopP = 0.8 },
        "min_p" => new() { MinP = 0.1 },
        "penalty" => new() { RepetitionPenalty = 1.7 },
        "all" => new() { Temperature = 1.3, TopK = 90, TopP = 0.9, MinP = 0.01, RepetitionPenalty = 1.2 },
        "greedy" => new() { Greedy = true, RepetitionPenalty = 1.2 },
        "one" => new() { TopK = 1 },
        _ => new(),
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void The_same_tokens_are_chosen_as_on_the_processor(string name) => AreTheSame(name, number => number);

    // As in bfloat16, in which the most probable of many tokens are often equal.
    [Theory]
    [MemberData(nameof(Settings))]
    public void Of_equal_scores_the_same_tokens_are_chosen_as_on_the_processor(string name) => AreTheSame(name, number => MathF.Round(2 * number) / 2);

    static void AreTheSame(string name, Func<float, float> rounded)
    {
        _ = NativeLibraries.Cpu;
        using var scope = NewDisposeScope();
        var options = OptionsOf(name);
        var random = new Random(name.Length);
        var numbers = new float[Rows * V];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = rounded((float)(6 * random.NextDouble() - 3));
        int[][] seen = [.. Enumerable.Range(0, Rows).Select(row => Enumerable.Range(0, row % 9).Select(_ => random.Next(Known)).ToArray())];
        double[] draws = [.. Enumerable.Range(0, Rows).Select(row => new TokenSampler(options, row).Uniform())];

        var (ids, logProbabilities) = DeviceSampler.Choose(tensor(numbers, [Rows, V]), Known, options, seen, draws);

        for (var row = 0; row < Rows; row++)
        {
            var logits = numbers[(row * V)..((row + 1) * V)];
            logits.AsSpan(Known).Fill(float.NegativeInfinity);
            var (id, logProbability) = new TokenSampler(options, row).Choose(logits, seen[row]);
            Assert.Equal((row, id), (row, (int)ids[row]));
            Assert.Equal(logProbability, logProbabilities[row], 1e-4);
        }
        if (name == "plain") Assert.True(ids.Distinct().Count() > 20, "the draws do not vary");
    }

    [Fact]
    public void A_token_that_cannot_be_drawn_is_not_drawn_at_either_end()
    {
        _ = NativeLibraries.Cpu;
        using var scope = NewDisposeScope();
        var logits = tensor([float.NegativeInfinity, 0, 1, float.NegativeInfinity], [1, 4]);
        foreach (var draw in new[] { 0, 1 - 1e-16, 0.9999999 })
            Assert.InRange(DeviceSampler.Choose(logits, 4, new GenerationOptions(), [[]], [draw]).Ids[0], 1, 2);
    }
}
