using static TorchSharp.torch;

namespace Transformers.Tests.Training;

/// <summary>When the gradients of several processes are exchanged, seen by a communicator that doubles them, as if the other process had the same.</summary>
[Collection("engine")]
public sealed class GradientStoreTests
{
    [Fact]
    public void Blocks_are_exchanged_while_the_backward_pass_goes_on_and_the_rest_after_it()
    {
        using var model = new Gpt(new GptConfig { Layers = 3, Heads = 2, Width = 16, Context = 8 }, 11);
        using var ids = arange(8, dtype: ScalarType.Int64).view(1, 8);
        var wanted = Gradients(model, ids, Communicator.Single, micro: 2, out _);
        var twin = new Twin();
        var found = Gradients(model, ids, twin, micro: 2, out var during);
        Assert.Equal(wanted.Select(one => 2 * one), found);
        // Everything in blocks fits into one bucket. The first micro-batch exchanged nothing, the last one this bucket before it was over.
        Assert.Equal(1, during);
        Assert.Equal(2, twin.Exchanges);
    }

    [Theory]
    [InlineData("sgd")]
    [InlineData("adamw")]
    public void A_process_that_has_no_part_of_a_small_model_takes_its_steps_too(string kind)
    {
        using var model = nn.Linear(2, 1);
        OptimizerConfig config = kind == "sgd" ? new SgdConfig { Lr = 0.1, Momentum = 0.9 } : new AdamWConfig { Lr = 0.1 };
        using var optimizer = Optimizer.Create(config, model, new OptimizerTeam(new Twin(rank: 3, size: 4), Sharded: true));
        Assert.Empty(optimizer.State);
        using var input = ones(1, 2);
        optimizer.ExchangeDuringBackward();
        Transformers.Native.Gradients.Backward(model.forward(input).sum());
        optimizer.FinishExchange();
        optimizer.Step(0.1, scale: 0.5);
        Assert.Equal(1, optimizer.Steps);
    }

    static float[] Gradients(Gpt model, Tensor ids, Communicator processes, int micro, out int during)
    {
        using var scope = NewDisposeScope();
        var trained = model.named_parameters().ToList();
        foreach (var (_, parameter) in trained) parameter.grad = null;
        using var store = new GradientStore(model, [.. trained.Select(named => (named.name, named.parameter))], processes, sharded: false);
        for (var i = 0; i < micro; i++)
        {
            if (i == micro - 1) store.ExchangeDuringBackward();
            Transformers.Native.Gradients.Backward(model.forward(ids).square().sum());
        }
        var twin = processes as Twin;
        if (twin is not null) SpinWait.SpinUntil(() => twin.Exchanges > 0, TimeSpan.FromSeconds(30));
        during = twin?.Exchanges ?? 0;
        store.FinishExchange();
        return [.. store.All().SelectMany(gradient => gradient.detach().contiguous().data<float>().ToArray())];
    }

    sealed class Twin : Communicator
    {
        int exchanges;

        internal int Exchanges => Volatile.Read(ref exchanges);
        internal Twin(int rank = 0, int size = 2) => (Rank, Size) = (rank, size);

        public override int Rank { get; }
        public override int Size { get; }
        public override int LocalRank => 0;
        public override int LocalSize => 2;
        public override string Library => "a twin";

        public override void AllReduce(Tensor tensor)
        {
            tensor.mul_(2);
            Interlocked.Increment(ref exchanges);
        }

        public override void ReduceScatter(Tensor tensor) => AllReduce(tensor);
        public override void AllGather(Tensor tensor) { }
        public override void Broadcast(Tensor tensor, int root = 0) { }
        public override void AllReduce(Span<double> numbers) { }
        public override void Broadcast(Span<byte> bytes, int root = 0) { }
        public override void AllGather(Span<byte> bytes) { }
        public override void Barrier() { }
        public override Communicator Split(int color, int key) => this;
        public override void Abort(int code) { }
        public override void Dispose() { }
    }
}
