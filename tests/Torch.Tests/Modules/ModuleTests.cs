using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Torch.Tests.Modules;

public sealed class ModuleTests
{
    sealed class Small : Module<Tensor, Tensor>
    {
        internal readonly Linear first = Linear(3, 4);
        internal readonly ModuleList<Linear> more = ModuleList(Linear(4, 4), Linear(4, 4));
        internal readonly Parameter scale = Parameter(ones(4));
        readonly Tensor table = arange(4, dtype: ScalarType.Float32);
        internal Linear? late;

        internal Small(string name = "small") : base(name) => RegisterComponents();

        internal IEnumerable<Tensor> Buffers => [table];

        public override Tensor forward(Tensor input) => first.call(input) * scale + table;
    }

    static readonly string[] Names = ["scale", "first.weight", "first.bias", "more.0.weight", "more.0.bias", "more.1.weight", "more.1.bias"];

    [Fact]
    public void Fields_are_registered_under_their_names_and_lists_by_number()
    {
        using var module = new Small();
        Assert.Equal(Names, module.named_parameters().Select(entry => entry.name));
        Assert.Equal(["table"], module.named_buffers().Select(entry => entry.name));
        Assert.Equal(["first", "more", "more.0", "more.1"], module.named_modules().Select(entry => entry.name));
        Assert.Equal(["first", "more"], module.named_children().Select(entry => entry.name));
        Assert.Equal(Names.Append("table").Order(), module.state_dict().Keys.Order());
        Assert.Same(module.more[1].weight, module.get_parameter("more.1.weight"));
        Assert.True(module.has_buffer("table"));
        Assert.False(module.has_parameter("more.2.weight"));
        Assert.Equal("small", module.GetName());
        Assert.Equal(["scale"], module.named_parameters(recurse: false).Select(entry => entry.name));
    }

    [Fact]
    public void A_field_that_comes_late_is_seen_and_a_replaced_one_is_replaced()
    {
        using var module = new Small();
        module.late = Linear(1, 1);
        Assert.Contains("late.weight", module.state_dict().Keys);
        var other = Linear(2, 2);
        module.late.Dispose();
        module.late = other;
        Assert.Same(other.weight, module.get_parameter("late.weight"));
    }

    [Fact]
    public void A_shared_module_is_walked_once_but_saved_under_each_name()
    {
        using var module = new Small();
        var count = module.parameters().Count();
        var tied = new Small();
        tied.first.weight = module.first.weight;
        using var both = ModuleList(module, tied);
        Assert.Equal(2 * count - 1, both.parameters().Count());
        Assert.Contains("1.first.weight", both.state_dict().Keys);
    }

    [Fact]
    public void Moving_keeps_parameters_themselves_and_what_is_tied_tied()
    {
        using var module = new Small();
        using var tied = Linear(module.first.weight);
        var before = module.parameters().ToArray();
        module.to(ScalarType.BFloat16);
        Assert.Equal(before, module.parameters());
        Assert.All(module.parameters(), parameter => Assert.Equal(ScalarType.BFloat16, parameter.dtype));
        Assert.All(module.Buffers, buffer => Assert.Equal(ScalarType.BFloat16, buffer.dtype));
        Assert.Same(tied.weight, module.first.weight);
        Assert.True(module.first.weight.requires_grad && module.first.weight.is_leaf);
        module.@float();
        using (var gradient = ones_like(module.scale)) module.scale.grad = gradient;
        module.@double();
        using var moved = module.scale.grad;
        Assert.Equal(ScalarType.Float64, moved!.dtype);
        module.register_buffer("counts", arange(3));
        module.half();
        Assert.Equal(ScalarType.Int64, module.get_buffer("counts")!.dtype);
    }

    [Fact]
    public void A_state_is_copied_and_what_does_not_fit_is_named()
    {
        using var scope = NewDisposeScope();
        using var source = new Small();
        using var target = new Small();
        target.load_state_dict(source.state_dict());
        Assert.All(Names, name => Assert.True(target.get_parameter(name)!.allclose(source.get_parameter(name)!)));
        Assert.NotSame(source.scale, target.scale);

        var state = source.state_dict();
        state.Remove("scale");
        state["other"] = ones(1);
        var error = Assert.Throws<InvalidOperationException>(() => target.load_state_dict(state));
        Assert.Contains("missing: scale", error.Message);
        Assert.Contains("unexpected: other", error.Message);
        var (missing, unexpected) = target.load_state_dict(state, strict: false);
        Assert.Equal(["scale"], missing);
        Assert.Equal(["other"], unexpected);
        Assert.Empty(target.load_state_dict(state, skip: ["scale", "other"]).missing_keys);

        state = source.state_dict();
        state["scale"] = ones(5);
        state["first.bias"] = zeros(4);
        Assert.Contains("scale: the module has [4], the source [5]", Assert.Throws<InvalidOperationException>(() => target.load_state_dict(state, strict: false)).Message);
        Assert.True(target.first.bias!.allclose(source.first.bias!), "nothing may be copied when something does not fit");
    }

    [Fact]
    public void Training_gradients_and_apply_reach_every_module()
    {
        using var scope = NewDisposeScope();
        using var module = new Small();
        module.eval();
        Assert.All(module.modules().Append(module), part => Assert.False(part.training));
        module.train();
        Assert.All(module.modules(), part => Assert.True(part.training));
        module.call(ones(2, 3)).sum().backward();
        Assert.NotNull(module.first.weight.grad);
        module.zero_grad(set_to_none: false);
        Assert.Equal(0, module.first.weight.grad!.abs().sum().ToDouble());
        module.zero_grad();
        Assert.All(module.parameters(), parameter => Assert.Null(parameter.grad));
        var seen = new List<Module>();
        module.apply(seen.Add);
        Assert.Equal(5, seen.Count);
        Assert.Same(module, seen[^1]);
    }

    [Fact]
    public void Names_that_would_be_ambiguous_are_refused()
    {
        using var module = new Small();
        using var linear = Linear(1, 1);
        Assert.Throws<ArgumentException>(() => module.register_module("a.b", linear));
        Assert.Throws<ArgumentException>(() => module.register_module("first", linear));
        Assert.Throws<ArgumentException>(() => module.register_buffer("", ones(1)));
        module.register_buffer("cache", ones(1), persistent: false);
        Assert.DoesNotContain("cache", module.state_dict().Keys);
        Assert.Contains("cache", module.named_buffers().Select(entry => entry.name));
    }

    [Fact]
    public void Hooks_see_and_change_what_goes_in_and_out()
    {
        using var scope = NewDisposeScope();
        using var module = new Small();
        var plain = module.call(ones(1, 3));
        var calls = 0;
        var pre = module.register_forward_pre_hook((_, input) => input * 0);
        var post = module.register_forward_hook((_, input, output) => output + input.sum());
        var count = module.register_forward_hook(_ => calls++);
        var changed = module.call(ones(1, 3));
        Assert.True(changed.allclose(module.first.bias! + module.Buffers.Single()));
        foreach (var hook in new[] { pre, post, count }) hook.remove();
        Assert.True(module.call(ones(1, 3)).allclose(plain));
        Assert.Equal(1, calls);
    }

    [Fact]
    public void A_module_outlives_the_scope_that_it_is_made_in_and_frees_all_when_disposed()
    {
        using (new Small()) { }
        var before = Handles.Settled();
        Small module;
        using (NewDisposeScope()) module = new Small();
        Assert.Equal(before + Names.Length + 1, NativeHandles.Live);
        Assert.All(module.parameters(), parameter => Assert.False(parameter.IsInvalid));
        module.Dispose();
        Assert.Equal(before, NativeHandles.Live);
    }

    [Fact]
    public void Containers_run_index_and_enumerate()
    {
        using var scope = NewDisposeScope();
        using var sequence = Sequential(("in", Linear(3, 4)), ("act", ReLU()), ("out", Linear(4, 2)));
        Assert.Equal(["in.weight", "in.bias", "out.weight", "out.bias"], sequence.named_parameters().Select(entry => entry.name));
        Assert.Equal([5L, 2], sequence.call(ones(5, 3)).shape);
        Assert.Equal([5L, 4], sequence[..2].call(ones(5, 3)).shape);
        using var dict = ModuleDict(("a", Linear(1, 1)), ("b", Linear(2, 2)));
        Assert.Equal(["a.weight", "a.bias", "b.weight", "b.bias"], dict.named_parameters().Select(entry => entry.name));
        Assert.Same(dict["b"], dict[1].Item2);
        using var list = ParameterList(Parameter(ones(1)), Parameter(ones(2)));
        Assert.Equal(["0", "1"], list.named_parameters().Select(entry => entry.name));
    }
}
