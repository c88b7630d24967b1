namespace Transformers.Layers;

/// <summary>What the random numbers of a forward pass depend on besides the layer: nothing is drawn from a generator with a state.</summary>
/// <remarks>
/// A number belongs to an element of an example of the step's whole batch. Cutting the batch into micro-batches, or padding
/// examples to another length, does not change it, and a run that is resumed draws what it would have drawn.
/// </remarks>
/// <param name="Seed">The run's seed for dropout.</param>
/// <param name="Step">The step.</param>
/// <param name="FirstExample">The position of the first example in the step's batch.</param>
public readonly record struct RandomPosition(ulong Seed, long Step, long FirstExample)
{
    /// <summary>The key of a layer's numbers in this step, the same for all examples.</summary>
    /// <param name="site">The layer's number among those that draw.</param>
    public ulong KeyOf(int site) => Mix(Mix(Mix(Seed) ^ (ulong)Step) ^ (ulong)site);

    /// <summary>The steps of SplitMix64's output function.</summary>
    internal static ulong Mix(ulong z)
    {
        z += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
}

/// <summary>A layer that draws random numbers while training.</summary>
interface IDrawsNumbers
{
    /// <summary>The layer's number among those of the model that draw; each has numbers of its own.</summary>
    int Site { get; set; }
}
