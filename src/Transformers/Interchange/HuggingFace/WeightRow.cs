using static TorchSharp.torch;

namespace Transformers.Interchange.HuggingFace;

/// <summary>A tensor in another program's file: its name, and its shape, which follows from the model's sizes.</summary>
readonly record struct ForeignTensor(string Name, params long[] Shape);

/// <summary>One row of a layout's table: our tensors, how they are converted, and the other program's tensors with the same numbers.</summary>
/// <param name="Ours">Their names in this program; none for tensors that only the other program has.</param>
/// <param name="Change">How the two forms are converted.</param>
/// <param name="Theirs">The other program's tensors.</param>
sealed record WeightRow(string[] Ours, WeightChange Change, params ForeignTensor[] Theirs)
{
    internal WeightRow(string ours, WeightChange change, params ForeignTensor[] theirs) : this([ours], change, theirs) { }

    /// <summary>Whether a file may lack the tensors, because the other program computes them; it has either all of them or none.</summary>
    public bool Optional { get; init; }

    /// <summary>Whether the tensors follow from the sizes alone: an export writes them, but an import ignores them.</summary>
    public bool IsConstant { get; init; }

    /// <summary>Whether an export writes the tensors.</summary>
    public bool Written { get; init; } = true;

    /// <summary>A copy of a tied tensor: files may have it, but an export does not write it.</summary>
    internal static WeightRow Tied(ForeignTensor copy, ForeignTensor original) => new([], new TiedCopy(copy.Name, original.Name), copy, original) { Optional = true, Written = false };

    /// <summary>A tensor that is always zero in this program's models.</summary>
    internal static WeightRow Zeros(ForeignTensor theirs, string why) => new([], new ZerosOnly(theirs.Name, why), theirs);

    /// <summary>Rows for each of several layers, in whose names <c>*</c> is the layer's number.</summary>
    internal static IEnumerable<WeightRow> Repeat(int layers, IEnumerable<WeightRow> rows) => Enumerable.Range(0, layers).SelectMany(layer => rows.Select(row => row.At($"{layer}", $"{layer}")));

    /// <summary>The row with the stars in its names replaced by numbers.</summary>
    internal WeightRow At(string ours, string theirs) => this with
    {
        Ours = [.. Ours.Select(name => name.Replace("*", ours, StringComparison.Ordinal))],
        Theirs = [.. Theirs.Select(tensor => tensor with { Name = tensor.Name.Replace("*", theirs, StringComparison.Ordinal) })],
    };

    /// <summary>The rows of a layer's weight and of its bias, whose names differ only in their suffix.</summary>
    internal static IEnumerable<WeightRow> Layer(string ours, bool bias, WeightChange change, params ForeignTensor[] theirs)
    {
        yield return new($"{ours}.weight", change, [.. theirs.Select(tensor => tensor with { Name = $"{tensor.Name}.weight" })]);
        if (bias) yield return new($"{ours}.bias", change.OfBias, [.. theirs.Select(tensor => new ForeignTensor($"{tensor.Name}.bias", change.Outputs(tensor.Shape)))]);
    }
}

/// <summary>How our tensors and those of another program are converted into each other. Both directions are exact.</summary>
abstract class WeightChange
{
    /// <summary>The same numbers in the same order.</summary>
    public static readonly WeightChange Same = new Unchanged();
    /// <summary>A matrix whose rows are inputs, as in GPT-2's layers.</summary>
    public static readonly WeightChange Transposed = new Transposition();
    /// <summary>Several stacked matrices: fused in this program, separate in the other.</summary>
    public static readonly WeightChange Stacked = new Stack();

    /// <summary>Their tensors.</summary>
    public abstract Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs);

    /// <summary>Our tensors.</summary>
    /// <exception cref="UserException">The numbers cannot be represented.</exception>
    public abstract Tensor[] Import(Tensor[] theirs);

    /// <summary>The conversion of the bias of a layer whose weight is converted in this way.</summary>
    public virtual WeightChange OfBias => this;

    /// <summary>The shape of the bias of a layer whose weight has this shape in the other program.</summary>
    public virtual long[] Outputs(long[] weight) => [weight[0]];

    sealed class Unchanged : WeightChange
    {
        public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs) => ours;
        public override Tensor[] Import(Tensor[] theirs) => theirs;
    }

    sealed class Transposition : WeightChange
    {
        public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs) => [ours[0].t().contiguous()];
        public override Tensor[] Import(Tensor[] theirs) => [theirs[0].t().contiguous()];
        public override WeightChange OfBias => Same;
        public override long[] Outputs(long[] weight) => [weight[1]];
    }

    sealed class Stack : WeightChange
    {
        public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs) => [.. ours[0].split([.. theirs.Select(one => one.Shape[0])], 0).Select(part => part.contiguous())];
        public override Tensor[] Import(Tensor[] theirs) => [theirs.Length == 1 ? theirs[0] : cat(theirs, 0)];
    }
}

/// <summary>A different order along one dimension of our tensor, combined with another conversion: a residual stream whose dimensions are ordered differently.</summary>
/// <param name="inner">The other change.</param>
/// <param name="order">For each of our positions, its position there.</param>
/// <param name="dimension">Which dimension of our tensor is reordered.</param>
sealed class Reordered(WeightChange inner, long[] order, int dimension) : WeightChange
{
    public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs)
    {
        var from = new long[order.Length];
        for (var i = 0; i < order.Length; i++) from[order[i]] = i;
        return inner.Export([ours[0].index_select(dimension, tensor(from))], theirs);
    }

    public override Tensor[] Import(Tensor[] theirs) => [inner.Import(theirs)[0].index_select(dimension, tensor(order))];

    public override WeightChange OfBias => dimension == 0 ? new Reordered(inner.OfBias, order, 0) : inner.OfBias;

    public override long[] Outputs(long[] weight) => inner.Outputs(weight);
}

/// <summary>A conversion that only one layout needs.</summary>
/// <param name="export">Converts our tensors to theirs.</param>
/// <param name="import">Converts their tensors to ours.</param>
sealed class Custom(Func<Tensor[], Tensor[]> export, Func<Tensor[], Tensor[]> import) : WeightChange
{
    /// <summary>The same numbers in another shape.</summary>
    internal static Custom Reshaped(long[] ours, params long[] theirs) => new(own => [own[0].reshape(theirs)], their => [their[0].reshape(ours)]);

    public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs) => export(ours);
    public override Tensor[] Import(Tensor[] theirs) => import(theirs);
}

/// <summary>A copy of a tensor, which must equal the original.</summary>
sealed class TiedCopy(string copy, string original) : WeightChange
{
    public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs) => throw new NotSupportedException("a tied copy is not written");

    public override Tensor[] Import(Tensor[] theirs) => theirs[0].equal(theirs[1]).all().item<bool>() ? []
        : throw new UserException($"{copy} differs from {original}, although the config ties them", "set tie_word_embeddings to false in config.json");
}

/// <summary>A tensor that must be zero, because this program has no counterpart.</summary>
sealed class ZerosOnly(string name, string why) : WeightChange
{
    public override Tensor[] Export(Tensor[] ours, ForeignTensor[] theirs) => [.. theirs.Select(one => zeros(one.Shape))];

    public override Tensor[] Import(Tensor[] theirs) => theirs[0].count_nonzero().item<long>() == 0 ? [] : throw new UserException($"{name} is not zero: {why}");
}
