using Transformers.IO;

namespace Transformers.Data;

/// <summary>Checks where in the data a checkpoint goes on.</summary>
static class DataPosition
{
    /// <summary>Refuses a place that the data, cut as they are now, do not have.</summary>
    /// <param name="epoch">Passes over the data that are done.</param>
    /// <param name="unit">What is counted, such as <c>batch</c>.</param>
    /// <param name="next">The next of them in this pass, from 0.</param>
    /// <param name="count">How many a pass has.</param>
    /// <exception cref="UserException">There is no such place.</exception>
    internal static void Check(long epoch, string unit, long next, long count)
    {
        if (epoch is < 0 or > int.MaxValue || next < 0 || next >= count)
            throw new UserException($"the data cannot go on at {unit} {next} of epoch {epoch}: an epoch has {count}, counted from 0",
                "the data, their batches or their sizes have changed since the checkpoint: put them back, or give the run another folder with --run and these weights with --from");
    }
}
