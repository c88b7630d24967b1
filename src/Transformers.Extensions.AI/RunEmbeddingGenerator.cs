using Microsoft.Extensions.AI;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Extensions.AI;

/// <summary>A run's model as an embedding generator of Microsoft.Extensions.AI: the vectors of its last layer, pooled.</summary>
/// <remarks>Safe to use from several threads; calls run one at a time.</remarks>
public sealed class RunEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
{
    readonly SemaphoreSlim turn = new(1, 1);
    readonly Embedder embedder;
    readonly Pooling pooling;
    readonly EmbeddingGeneratorMetadata metadata;

    RunEmbeddingGenerator(Embedder embedder, Pooling pooling, string name)
    {
        (this.embedder, this.pooling) = (embedder, pooling);
        metadata = new("transformer", defaultModelId: name, defaultModelDimensions: embedder.Width);
    }

    /// <summary>Opens a run.</summary>
    /// <param name="run">A run folder, or a checkpoint folder.</param>
    /// <param name="checkpoint"><c>best</c>, <c>latest</c> or a step; null for the best, else the newest.</param>
    /// <param name="pooling">How a text's vectors are pooled into one.</param>
    /// <param name="device">Where to compute; the CPU by default.</param>
    /// <exception cref="UserException">The run does not exist, is damaged, or its model does not read text.</exception>
    public static RunEmbeddingGenerator Open(string run, string? checkpoint = null, Pooling pooling = Pooling.Mean, Device? device = null)
    {
        var trained = TrainedRun.Open(run, checkpoint);
        return new(Kind.For(trained).OpenEmbedder(trained, device ?? NativeLibraries.Cpu), pooling, Path.GetFileName(Path.TrimEndingDirectorySeparator(run)));
    }

    /// <summary>Embeds texts; one that is longer than the model's context is truncated.</summary>
    /// <param name="values">The texts.</param>
    /// <param name="options">Only the dimensions are used: they must equal the model's width.</param>
    /// <param name="cancellationToken">Cancels between two batches.</param>
    /// <returns>One embedding for each text, in their order.</returns>
    /// <exception cref="UserException">Different dimensions are requested, or a text has a character that is not in the vocabulary.</exception>
    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (options?.Dimensions is { } wanted && wanted != embedder.Width)
            throw new UserException($"dimensions ({wanted}) must be {embedder.Width}, the width of the model", "leave them out");
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => Embed(values, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    GeneratedEmbeddings<Embedding<float>> Embed(IEnumerable<string> values, CancellationToken cancel)
    {
        var (made, created, tokens) = (new GeneratedEmbeddings<Embedding<float>>(), DateTimeOffset.UtcNow, 0L);
        foreach (var text in embedder.Embed(values, pooling))
        {
            cancel.ThrowIfCancellationRequested();
            made.Add(new Embedding<float>(text.Vectors[0]) { CreatedAt = created, ModelId = metadata.DefaultModelId });
            tokens += text.Ids.Count;
        }
        made.Usage = new UsageDetails { InputTokenCount = tokens, TotalTokenCount = tokens };
        return made;
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null : serviceType == typeof(EmbeddingGeneratorMetadata) ? metadata : serviceType.IsInstanceOfType(this) ? this : serviceType.IsInstanceOfType(embedder) ? embedder : null;
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        embedder.Dispose();
        turn.Dispose();
    }
}
