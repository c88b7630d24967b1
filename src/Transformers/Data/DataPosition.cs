using Transformers.IO;

namespace Transformers.Data;

/// <summary>A position in training data: all that a checkpoint has to keep of a sampler.</summary>
/// <param name="Epoch">Passes over the data that are done; 0 where a sampler makes no passes.</param>
/// <param name="Next">The next batch, block or document of this pass, from 0.</param>
/// <param name="Offset">Tokens of that document that have been used.</param>
/// <param name="Batches">Batches drawn so far.</param>
public readonly record struct DataPosition(long Epoch, long Next, long Offset = 0, long Batches = 0)
{
    /// <summary>The position after one batch.</summary>
    /// <param name="count">Batches of a pass.</param>
    public DataPosition Following(long count) =>
        Next + 1 < count ? this with { Next = Next + 1, Batches = Batches + 1 } : new(Epoch + 1, 0, 0, Batches + 1);

    /// <summary>Refuses a position that the data, divided as they are now, do not have.</summary>
    /// <param name="unit">What <see cref="Next"/> counts, such as <c>batch</c>.</param>
    /// <param name="count">How many of them a pass has.</param>
    /// <exception cref="UserException">The position does not exist.</exception>
    public void Check(string unit, long count)
    {
        if (Epoch is < 0 or > int.MaxValue || Next < 0 || Next >= count)
            throw new UserException($"the data cannot continue at {unit} {Next} of epoch {Epoch}: an epoch has {count}, counted from 0",
                "the data, their batches or their sizes have changed since the checkpoint: restore them, or give the run another folder with --run and these weights with --from");
    }

    /// <summary>The numbers that a checkpoint stores.</summary>
    public IReadOnlyDictionary<string, long> ToState() =>
        new Dictionary<string, long> { ["batches"] = Batches, ["epoch"] = Epoch, ["next"] = Next, ["offset"] = Offset };

    /// <summary>Reads the numbers of a checkpoint; older ones call <see cref="Next"/> <c>batch</c>.</summary>
    /// <exception cref="KeyNotFoundException">A number is missing.</exception>
    public static DataPosition FromState(IReadOnlyDictionary<string, long> state) => new(state["epoch"],
        state.TryGetValue("batch", out var batch) ? batch : state["next"], state.GetValueOrDefault("offset"), state.GetValueOrDefault("batches"));
}
