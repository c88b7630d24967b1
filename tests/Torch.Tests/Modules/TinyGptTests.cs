using TorchSharp;
using TorchSharp.Extensions;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Torch.Tests.Modules;

/// <summary>A small GPT, as a user of the binding writes it: everything that a transformer needs, at work together.</summary>
public sealed class TinyGptTests
{
    sealed class Block : Module<Tensor, Tensor>
    {
        readonly LayerNorm before, between;
        readonly Linear project, output;
        readonly Sequential feedForward;
        readonly long heads;

        internal Block(long width, long heads) : base(nameof(Block))
        {
            this.heads = heads;
            before = LayerNorm(width);
            project = Linear(width, 3 * width);
            output = Linear(width, width);
            between = LayerNorm(width);
            feedForward = Sequential(Linear(width, 4 * width), GELU(), Linear(4 * width, width), Dropout(0.0));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var (B, T, D) = (x.shape[0], x.shape[1], x.shape[2]);
            var parts = project.call(before.call(x)).view(B, T, 3, heads, D / heads).permute(2, 0, 3, 1, 4).unbind();
            var seen = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
            x = x + output.call(seen.transpose(1, 2).reshape(B, T, D));
            return (x + feedForward.call(between.call(x))).MoveToOuterDisposeScope();
        }
    }

    sealed class Gpt : Module<Tensor, Tensor>
    {
        readonly Embedding tokens, positions;
        readonly ModuleList<Block> blocks;
        readonly LayerNorm last;

        internal Gpt(long vocabulary, long context, long width, long heads, int layers) : base(nameof(Gpt))
        {
            tokens = Embedding(vocabulary, width);
            positions = Embedding(context, width);
            blocks = ModuleList(Enumerable.Range(0, layers).Select(_ => new Block(width, heads)).ToArray());
            last = LayerNorm(width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var x = tokens.call(input) + positions.call(arange(input.shape[1], device: input.device));
            foreach (var block in blocks) x = block.call(x);
            return functional.linear(last.call(x), tokens.weight).MoveToOuterDisposeScope();
        }
    }

    static double Step(Gpt model, optim.Optimizer optimizer, Tensor text)
    {
        using var scope = NewDisposeScope();
        optimizer.zero_grad();
        var logits = model.call(text[.., ..^1]);
        var loss = functional.cross_entropy(logits.reshape(-1, logits.shape[2]), text[.., 1..].reshape(-1));
        loss.backward();
        utils.clip_grad_norm_(model.parameters(), 1.0);
        optimizer.step();
        return loss.ToDouble();
    }

    [Fact]
    public void One_batch_is_learnt_by_heart_and_no_handle_is_left_behind()
    {
        manual_seed(1);
        using var model = new Gpt(vocabulary: 16, context: 12, width: 32, heads: 4, layers: 2);
        using var optimizer = optim.AdamW(model.parameters(), lr: 5e-3, weight_decay: 0.1);
        using var text = randint(16, [4, 13]);
        double loss = 0;
        for (var step = 0; step < 10; step++) loss = Step(model, optimizer, text);
        Assert.InRange(loss, 1.0, 4.0);
        var handles = Handles.Settled();
        for (var step = 0; step < 70; step++) loss = Step(model, optimizer, text);
        Assert.InRange(loss, 0, 0.1);
        Assert.Equal(handles, NativeHandles.Live);
    }

    [Fact]
    public void A_later_token_changes_no_earlier_logit()
    {
        manual_seed(2);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var model = new Gpt(vocabulary: 16, context: 8, width: 16, heads: 2, layers: 2);
        model.eval();
        var text = randint(16, [2, 8]);
        var changed = text.clone();
        changed[.., 5] = (text[.., 5] + 1) % 16;
        var (one, other) = (model.call(text), model.call(changed));
        Assert.True(one[.., ..5].allclose(other[.., ..5], 0, 0));
        Assert.False(one[.., 5].allclose(other[.., 5]));
    }
}
