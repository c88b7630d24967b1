using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Transformers.Configs;
using Transformers.Decoding;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Models;
using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Extensions.AI;

/// <summary>A run's language model as a stream of text.</summary>
/// <remarks>Safe to use from several threads; the next stream starts when the previous one has ended or was abandoned.</remarks>
public sealed class RunTextGenerator : IDisposable
{
    readonly SemaphoreSlim turn = new(1, 1);
    readonly Gpt model;
    readonly TextGenerator generator;

    RunTextGenerator(Gpt model, TextGenerator generator) => (this.model, this.generator) = (model, generator);

    /// <summary>Opens a run.</summary>
    /// <param name="run">A run folder, or a checkpoint folder.</param>
    /// <param name="checkpoint"><c>best</c>, <c>latest</c> or a step; null for the best, else the newest.</param>
    /// <param name="device">Where to compute; the CPU by default.</param>
    /// <param name="precision">The type of products.</param>
    /// <exception cref="UserException">The run does not exist, is damaged, or is not a language model.</exception>
    public static RunTextGenerator Open(string run, string? checkpoint = null, Device? device = null, Precision precision = Precision.Fp32)
    {
        var trained = TrainedRun.Open(run, checkpoint);
        trained.Require<GptConfig>("a language model (gpt)");
        var (tokenizer, where) = (trained.LoadTokenizer(), device ?? NativeLibraries.Cpu);
        var model = trained.LoadLanguageModel(tokenizer, where);
        return new(model, new TextGenerator(model, tokenizer, where) { Precision = precision, StartsDocuments = Kind.For(trained).StartsDocuments(trained.Config.Data) });
    }

    /// <summary>Continues a prompt; each part of the text is returned as soon as it is final, and characters are never split.</summary>
    /// <param name="prompt">The prompt, which is not repeated; an empty one starts a text.</param>
    /// <param name="options">How tokens are chosen and when to stop.</param>
    /// <param name="cancellationToken">Cancels generation between two tokens.</param>
    /// <exception cref="UserException">An option is out of range, or the prompt fills the context.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async IAsyncEnumerable<string> StreamAsync(string prompt, GenerationOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Also cancelled if the reader leaves its loop early, so that no text is generated in vain.
            using var given = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var parts = Channel.CreateUnbounded<string>(new() { SingleReader = true, SingleWriter = true });
            var work = Task.Run(() => Generate(prompt, options ?? new(), parts.Writer, given.Token), CancellationToken.None);
            try
            {
                await foreach (var part in parts.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false)) yield return part;
            }
            finally
            {
                await given.CancelAsync().ConfigureAwait(false);
                await work.ConfigureAwait(false);
            }
        }
        finally
        {
            turn.Release();
        }
    }

    // Errors reach the reader through the channel, so the task itself never fails.
    void Generate(string prompt, GenerationOptions options, ChannelWriter<string> parts, CancellationToken cancel)
    {
        try
        {
            generator.Generate([prompt], options, (_, text) => parts.TryWrite(text), cancel);
            parts.Complete();
        }
        catch (Exception exception)
        {
            parts.Complete(exception);
        }
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        generator.Dispose();
        model.Dispose();
        turn.Dispose();
    }
}
