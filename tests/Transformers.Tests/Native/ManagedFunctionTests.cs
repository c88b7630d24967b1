using static TorchSharp.torch;

namespace Transformers.Tests.Native;

[Collection("engine")]
public sealed class ManagedFunctionTests
{
    sealed class Square(Tensor x, Action? before = null) : ManagedFunction
    {
        Tensor? held;

        internal Tensor Run() => Apply(x);

        protected override Tensor Forward(bool keep)
        {
            if (keep) held = KeepInput(x);
            return x * x;
        }

        protected override Tensor?[] Backward(Tensor gradient)
        {
            before?.Invoke();
            return [PassOn(0, () => held! * gradient * 2)];
        }
    }

    [Fact]
    public void Gradients_are_those_of_the_formula_for_parameters_and_for_what_was_computed()
    {
        using var scope = NewDisposeScope();
        var x = randn(5, requires_grad: true);
        Tensor y;
        using (var inner = NewDisposeScope())
        {
            var once = new Square(x).Run();
            y = new Square(once).Run().MoveToOuterDisposeScope(); // What is between is disposed of before the backward pass.
        }
        Gradients.Backward(y.sum());
        GoldenAt(4 * x.pow(3), x.grad!);
        Gradients.Backward(new Square(x).Run().sum());
        GoldenAt(4 * x.pow(3) + 2 * x, x.grad!);
    }

    static void GoldenAt(Tensor expected, Tensor actual) => Assert.True((expected - actual).abs().max().item<float>() < 1e-4);

    [Fact]
    public void An_exception_in_a_backward_pass_is_an_ordinary_exception_and_the_next_pass_works()
    {
        using var scope = NewDisposeScope();
        var x = randn(5, requires_grad: true);
        var y = new Square(new Square(x, () => throw new InvalidDataException("it went wrong")).Run()).Run();
        Assert.Contains("it went wrong", Assert.Throws<InvalidDataException>(() => Gradients.Backward(y.sum())).Message);
        x.grad = null;
        Gradients.Backward(new Square(x).Run().sum());
        GoldenAt(2 * x, x.grad!);
    }

    sealed class Identity(Tensor x) : ManagedFunction
    {
        internal Tensor? Kept { get; private set; }

        internal Tensor Run() => Apply(x);

        protected override Tensor Forward(bool keep)
        {
            if (keep) Kept = Keep(ones_like(x));
            return x.clone();
        }

        protected override Tensor?[] Backward(Tensor gradient) => [Kept! * 1]; // The numbers of what is kept, in other memory.
    }

    [Fact]
    public void What_is_kept_is_disposed_of_even_where_a_gradient_has_the_same_numbers()
    {
        using var scope = NewDisposeScope();
        var x = randn(5, requires_grad: true);
        var identity = new Identity(x * 1);
        Gradients.Backward(identity.Run().sum());
        GoldenAt(ones(5), x.grad!);
        Assert.True(identity.Kept!.IsInvalid);
    }

    [Fact]
    public void Without_gradients_nothing_is_recorded()
    {
        using var scope = NewDisposeScope();
        var x = randn(5, requires_grad: true);
        using (no_grad()) Assert.False(new Square(x).Run().requires_grad);
        Assert.False(new Square(randn(3)).Run().requires_grad);
    }

    [Fact]
    public void A_deep_network_takes_no_more_memory_than_with_libtorchs_own_functions()
    {
        const int layers = 24, size = 2 << 20;
        long PeakOf(Func<Tensor, Tensor> layer)
        {
            DeviceMemory.TrimMemory();
            ProcessMemory.StartPeak();
            var before = ProcessMemory.Resident;
            using var scope = NewDisposeScope();
            var x = rand(size, requires_grad: true);
            var y = x;
            for (var i = 0; i < layers; i++)
            {
                using var block = NewDisposeScope();
                y = layer(y).MoveToOuterDisposeScope();
            }
            Gradients.Backward(y.mean());
            return ProcessMemory.PeakSinceStart - before;
        }
        PeakOf(x => x.square());
        var own = PeakOf(x => x.square());
        var managed = PeakOf(x => new Square(x).Run());
        Assert.True(managed < 1.1 * own, $"{managed >> 20} MiB for {own >> 20}");
    }
}
