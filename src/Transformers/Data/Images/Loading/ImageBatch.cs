namespace Transformers.Data.Images.Loading;

/// <summary>Pictures and labels for one step. Disposing of it lets its pixels' memory be used again.</summary>
public sealed class ImageBatch : IDisposable
{
    Action<float[]>? giveBack;

    internal ImageBatch(float[] pixels, long[] labels, int[] indices, float[]? targets, Action<float[]>? giveBack)
    {
        (Pixels, Labels, Indices, Targets) = (pixels, labels, indices, targets);
        this.giveBack = giveBack;
    }

    /// <summary>[B, C, Y, X], normalised.</summary>
    public float[] Pixels { get; }

    /// <summary>B classes.</summary>
    public long[] Labels { get; }

    /// <summary>B numbers of images in the source.</summary>
    public int[] Indices { get; }

    /// <summary>Mixed targets, [B, N], rows of which sum to 1; null where nothing mixes.</summary>
    public float[]? Targets { get; }

    /// <summary>B: below the batch size where the epoch ends or broken files were left out.</summary>
    public int Count => Labels.Length;

    /// <summary>The epoch that the batch belongs to, from 0.</summary>
    public required int Epoch { get; init; }

    /// <summary>Its number in that epoch, from 0.</summary>
    public required int Number { get; init; }

    /// <summary>Gives the pixels' memory back; they must not be read afterwards.</summary>
    public void Dispose() => Interlocked.Exchange(ref giveBack, null)?.Invoke(Pixels);
}
