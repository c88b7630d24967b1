using static TorchSharp.torch;

namespace Transformers.Tests.Native;

[Collection("engine")]
public sealed class TensorMemoryTests
{
    const string Seed = "tensor memory";

    [Fact]
    public void With_the_kernels_tensors_come_from_their_pool()
    {
        Assert.SkipUnless(KernelLibrary.IsAvailable && OperatingSystem.IsLinux(), "there are no kernels here");
        Assert.True(KernelLibrary.HasTensorMemory);
    }

    [Fact]
    public void Blocks_of_all_sizes_keep_their_numbers_while_others_come_and_go()
    {
        using var scope = NewDisposeScope();
        var random = new Random(Seed.Length);
        var live = new List<(Tensor Tensor, int Mark)>();
        for (var i = 0; i < 4_000; i++)
        {
            if (live.Count > 0 && random.Next(100) < 48)
            {
                var index = random.Next(live.Count);
                Check(live[index]);
                live[index].Tensor.Dispose();
                live.RemoveAt(index);
                continue;
            }
            // From a byte to some megabytes, about as many of each order.
            var numbers = (long)Math.Pow(2, 20 * random.NextDouble());
            live.Add((full(numbers, i, dtype: ScalarType.Int32), i));
            Assert.Equal(0, Address(live[^1].Tensor) % 64);
        }
        live.ForEach(Check);

        static void Check((Tensor Tensor, int Mark) one) => Assert.True(one.Tensor.eq(one.Mark).all().item<bool>());
    }

    [Fact]
    public void Threads_may_allocate_and_free_at_once()
    {
        _ = NativeLibraries.Cpu;
        Parallel.For(0, 4, thread =>
        {
            for (var i = 0; i < 300; i++)
            {
                using var one = full((thread + 1) * 40_000, i, dtype: ScalarType.Int32);
                using var same = one.eq(i);
                using var all = same.all();
                Assert.True(all.item<bool>());
            }
        });
    }

    [Fact]
    public void A_freed_block_is_used_again_by_one_of_nearly_its_size()
    {
        Assert.SkipUnless(KernelLibrary.IsAvailable && KernelLibrary.HasTensorMemory, "there is no pool here");
        using var scope = NewDisposeScope();
        var first = empty(5_000_000);
        var wall = empty(5_000_000); // So that what is freed before it stays a hole of its own.
        var address = Address(first);
        first.Dispose();
        using (var again = empty(4_900_000)) Assert.Equal(address, Address(again));
        wall.Dispose();
    }

    static long Address(Tensor tensor) => Dispatcher.DataPointer(tensor);
}
