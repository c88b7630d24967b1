using System.Collections.Concurrent;
using Transformers.IO.Images;

namespace Transformers.Data.Images.Loading;

/// <summary>What happens when an image file cannot be used.</summary>
public enum BrokenFilePolicy
{
    /// <summary>It is left out, counted and named.</summary>
    Skip,
    /// <summary>It ends the run.</summary>
    Fail,
}

/// <summary>The images that could not be used, each counted once. Safe to use from several threads.</summary>
public sealed class BrokenFiles(BrokenFilePolicy policy)
{
    readonly ConcurrentDictionary<int, ImageException> faults = new();

    /// <summary>What happens when an image file cannot be used.</summary>
    public BrokenFilePolicy Policy => policy;

    /// <summary>How many.</summary>
    public int Count => faults.Count;

    /// <summary>Which, and why, by number; the messages name the files.</summary>
    public IReadOnlyList<(int Index, ImageException Fault)> All => [.. faults.OrderBy(f => f.Key).Select(f => (f.Key, f.Value))];

    /// <summary>Whether an image is known to be broken.</summary>
    public bool Contains(int index) => faults.ContainsKey(index);

    /// <summary>Notes a broken image, or throws it where the policy is to fail.</summary>
    /// <exception cref="ImageException">The policy is <see cref="BrokenFilePolicy.Fail"/>.</exception>
    public void Add(int index, ImageException fault)
    {
        if (policy == BrokenFilePolicy.Fail) throw fault;
        faults.TryAdd(index, fault);
    }
}
