using System.Runtime.InteropServices;
using TorchSharp;
using TorchSharp.Extensions;
using static TorchSharp.torch;

namespace Torch.Tests.Core;

/// <summary>The memory of tensors once the engine has taken it into its own hands.</summary>
/// <remarks>Large blocks are larger than any hole that other tests leave; they are never written, so they cost nothing.</remarks>
public unsafe class MemoryTests
{
    public MemoryTests() => TorchSharp.Extensions.Engine.Load();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Tensors_of_any_sizes_never_share_memory(int seed)
    {
        var random = new Random(seed);
        var held = new List<Tensor>();
        for (var i = 0; i < 600; i++)
        {
            if (held.Count > 40 || held.Count > 0 && random.Next(3) == 0)
            {
                var at = random.Next(held.Count);
                Check(held[at]);
                held[at].Dispose();
                held.RemoveAt(at);
            }
            else
            {
                var tensor = empty((long)Math.Exp(2 + 12 * random.NextDouble()), dtype: ScalarType.Int64).fill_(i);
                Assert.Equal(0, (long)tensor.DataPointer() % 64);
                held.Add(tensor);
            }
        }
        foreach (var tensor in held)
        {
            Check(tensor);
            tensor.Dispose();
        }
    }

    // Every element is still what the whole was filled with.
    static void Check(Tensor tensor)
    {
        var elements = new ReadOnlySpan<long>(tensor.DataPointer(), (int)tensor.numel());
        Assert.Equal(-1, elements.IndexOfAnyExcept(elements[0]));
    }

    [Fact]
    public void Threads_may_take_and_free_at_the_same_time() => Parallel.For(0, 8, thread =>
    {
        for (var i = 0; i < 200; i++)
        {
            using var tensor = empty(10_000 + 1000 * (i % 50), dtype: ScalarType.Int64).fill_(thread);
            Check(tensor);
        }
    });

    [Fact]
    public void A_block_that_is_a_little_smaller_leaves_the_hole_whole()
    {
        // Of one class: the eighths of 2^28 lie 2^25 apart.
        const long large = 368_000_000, smaller = 362_000_000;
        void* first, between;
        using (var one = empty(large, dtype: ScalarType.Byte))
        {
            first = one.DataPointer();
            // What follows it keeps the hole from being part of the rest.
            using var wall = empty(large, dtype: ScalarType.Byte);
            one.Dispose();
            using var two = empty(smaller, dtype: ScalarType.Byte);
            between = two.DataPointer();
            using var rest = empty(7_000_000, dtype: ScalarType.Byte);
            two.Dispose();
            using var three = empty(large, dtype: ScalarType.Byte);
            Assert.True(between == first && three.DataPointer() == first);
        }
    }

    [Fact]
    public void Holes_that_touch_become_one()
    {
        const long size = 210_000_000;
        var parts = Enumerable.Range(0, 4).Select(_ => empty(size, dtype: ScalarType.Byte)).ToArray();
        var start = parts.Take(3).Min(part => (long)part.DataPointer());
        // The middle last, so that it joins holes on both sides.
        foreach (var i in new[] { 0, 2, 1 }) parts[i].Dispose();
        // The three are 654 million bytes with what rounds them up; a whole of 3 * size would be rounded to more than that.
        using var whole = empty(600_000_000, dtype: ScalarType.Byte);
        Assert.Equal(start, (long)whole.DataPointer());
        parts[3].Dispose();
    }

    [Fact]
    public void What_no_machine_has_is_told_as_out_of_memory()
    {
        var error = Assert.Throws<OutOfMemoryException>(() => empty(1L << 50, dtype: ScalarType.Byte));
        Assert.Contains("1125899906842624 bytes", error.Message);
    }

    [Fact]
    public void Giving_memory_back_leaves_what_is_in_use()
    {
        using var kept = empty(5_000_000, dtype: ScalarType.Int64).fill_(7);
        using (empty(5_000_000, dtype: ScalarType.Int64).fill_(8)) { }
        TorchSharp.Extensions.Engine.TrimMemory();
        Check(kept);
        using var again = zeros(5_000_000, dtype: ScalarType.Int64);
        Check(again);
    }
}
