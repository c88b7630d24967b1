using FsCheck;
using FsCheck.Fluent;
using Transformers.Native;

namespace Kernels.Tests;

/// <summary>AdamW and the norm of the gradients against their formulas in 64 bits.</summary>
[Collection("kernels")]
public unsafe class AdamWTests
{
    const double Beta1 = 0.9, Beta2 = 0.99, Epsilon = 1e-8;

    /// <summary>One parameter, kept in 32 bits and, where its type says so, used in bfloat16.</summary>
    sealed class Case
    {
        internal required int Size;
        internal required bool Half, HalfGradient;
        internal required double Rate, Decay;
        internal required float[] Parameter, Gradient, First, Second;
        internal required ushort[] Halves, GradientHalves;
        internal ushort[]? Copy;

        internal static Case Of(Random random, int size)
        {
            var (parameter, gradient) = (Memory.Normal(random, size), Memory.Normal(random, size));
            return new Case
            {
                Size = size, Half = random.Next(4) == 0, HalfGradient = random.Next(4) == 0, Rate = random.NextDouble() * 0.01, Decay = random.Next(2) * 0.1,
                Parameter = parameter, Gradient = gradient, Halves = Memory.Rounded(parameter), GradientHalves = Memory.Rounded(gradient),
                First = Memory.Normal(random, size, 0.1), Second = Memory.Pinned(Memory.Normal(random, size, 0.1).Select(v => v * v)),
                Copy = random.Next(2) == 0 ? Memory.Zeros<ushort>(size) : null,
            };
        }

        internal double[] Values => Half ? Memory.Widened(Halves) : [.. Parameter.Select(x => (double)x)];

        internal double[] Gradients => HalfGradient ? Memory.Widened(GradientHalves) : [.. Gradient.Select(x => (double)x)];

        internal AdamWTensor Tensor => new()
        {
            Parameter = Half ? Memory.At(Halves) : Memory.At(Parameter), ParameterType = Half ? KernelType.BFloat16 : KernelType.Float32,
            Gradient = HalfGradient ? Memory.At(GradientHalves) : Memory.At(Gradient), GradientType = HalfGradient ? KernelType.BFloat16 : KernelType.Float32,
            FirstMoment = Memory.At(First), SecondMoment = Memory.At(Second), BFloat16Copy = Memory.At(Copy), Size = Size, Rate = Rate, Decay = Decay,
        };

        internal KernelArray GradientArray => new() { Data = Tensor.Gradient, Size = Size, Type = Tensor.GradientType };

        internal (double[] parameter, double[] first, double[] second) Expected(long step, double scale)
        {
            double[] g = [.. Gradients.Select(g => g * scale)];
            double[] m = [.. First.Select((m, i) => m * Beta1 + g[i] * (1 - Beta1))], v = [.. Second.Select((v, i) => v * Beta2 + g[i] * g[i] * (1 - Beta2))];
            double correction1 = 1 - Math.Pow(Beta1, step), correction2 = 1 - Math.Pow(Beta2, step);
            return ([.. Values.Select((p, i) => p * (1 - Rate * Decay) - Rate * (m[i] / correction1) / (Math.Sqrt(v[i] / correction2) + Epsilon))], m, v);
        }
    }

    static Case[] Cases(int seed)
    {
        var random = new Random(seed);
        // One longer than a piece, and one empty.
        return [.. new[] { random.Next(1, 1600), random.Next(1, 100), 0, 16384 + random.Next(1, 9000) }.Select(size => Case.Of(random, size))];
    }

    static void Check(Action<int, string> test) => TestLibrary.ForEachSet(set =>
        Prop.ForAll(ArbMap.Default.GeneratorFor<int>().ToArbitrary(), seed => test(seed, $"{set}, seed {seed}")).Check(Config.QuickThrowOnFailure.WithMaxTest(20).WithReplay(1, 1)));

    [Fact]
    public void A_step_equals_its_formula_for_both_types() => Check((seed, what) =>
    {
        var cases = Cases(seed);
        var step = new Random(seed).Next(1, 300);
        const double scale = 0.7;
        var expected = cases.Select(one => one.Expected(step, scale)).ToList();
        AdamWKernel.Step([.. cases.Select(one => one.Tensor)], Beta1, Beta2, Epsilon, step, scale);
        foreach (var (one, (parameter, first, second)) in cases.Zip(expected))
        {
            Memory.AssertNear(parameter, one.Values, one.Half ? 4e-3 : 1e-6, $"{what}: parameter of {one.Size}");
            Memory.AssertNear(first, [.. one.First.Select(x => (double)x)], 1e-6, $"{what}: first moment");
            Memory.AssertNear(second, [.. one.Second.Select(x => (double)x)], 1e-6, $"{what}: second moment");
            // The copy is the new parameter, rounded once.
            if (one.Copy is not null) Assert.Equal(one.Half ? one.Halves : Memory.Rounded(one.Parameter), one.Copy);
        }
    });

    [Fact]
    public void The_norm_is_that_of_all_gradients_together() => Check((seed, what) =>
    {
        var cases = Cases(seed);
        var expected = Math.Sqrt(cases.Sum(one => one.Gradients.Sum(g => g * g)));
        Assert.Equal(expected, AdamWKernel.Norm([.. cases.Select(one => one.GradientArray)]), expected * 1e-6);
    });

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_number_that_is_not_finite_shows_in_the_norm(float number) => TestLibrary.ForEachSet(_ =>
    {
        var cases = Cases(1);
        cases[3].Gradient[16390] = number;
        cases[3].GradientHalves[16390] = (ushort)(BitConverter.SingleToUInt32Bits(number) >> 16);
        Assert.Equal(number, AdamWKernel.Norm([.. cases.Select(one => one.GradientArray)]));
    });

    [Fact]
    public void The_number_of_threads_changes_no_bit()
    {
        var results = new List<(double norm, float[] parameter)>();
        foreach (var threads in new[] { 1, 2, 3 })
            TestLibrary.WithThreads(threads, () =>
            {
                var cases = Cases(5);
                var norm = AdamWKernel.Norm([.. cases.Select(one => one.GradientArray)]);
                AdamWKernel.Step([.. cases.Select(one => one.Tensor)], Beta1, Beta2, Epsilon, 3, 1);
                results.Add((norm, cases[3].Parameter));
            });
        Assert.All(results, result =>
        {
            Assert.Equal(results[0].norm, result.norm);
            Assert.Equal(results[0].parameter, result.parameter);
        });
    }

    [Fact]
    public void What_is_missing_is_refused()
    {
        var tensor = Case.Of(new Random(1), 10).Tensor;
        Assert.Contains("from 1", Assert.Throws<ArgumentException>(() => AdamWKernel.Step([tensor], Beta1, Beta2, Epsilon, 0, 1)).Message);
        tensor.SecondMoment = null;
        Assert.Contains("moments are missing", Assert.Throws<ArgumentException>(() => AdamWKernel.Step([tensor], Beta1, Beta2, Epsilon, 1, 1)).Message);
        Assert.Contains("type", Assert.Throws<ArgumentException>(() => AdamWKernel.Norm([new KernelArray { Data = tensor.Parameter, Size = 1, Type = (KernelType)7 }])).Message);
    }
}
