using System.Security.Cryptography;
using System.Text;

namespace Transformers.Training;

/// <summary>Derives independent random streams from a run's one seed, by purpose.</summary>
public static class SeedStreams
{
    /// <summary>The seed of a purpose: the same for every run with that seed, unlike any other purpose's.</summary>
    /// <param name="seed">The run's seed.</param>
    /// <param name="purpose">For example <c>weights</c>, <c>batches</c>, <c>dropout</c>.</param>
    public static ulong Of(ulong seed, string purpose) =>
        BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{purpose}/{seed}")))) & long.MaxValue;
}
