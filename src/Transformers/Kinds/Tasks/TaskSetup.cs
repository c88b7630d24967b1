using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Images;
using Transformers.Data.Sentences;
using Transformers.IO;
using Transformers.Models;
using Transformers.Training;

namespace Transformers.Kinds.Tasks;

/// <summary>A task made from a config, with what a run folder must hold of it.</summary>
public sealed class TaskSetup : IDisposable
{
    /// <summary>What is trained.</summary>
    public required TrainingTask Task { get; init; }
    /// <summary>The files that tell how input becomes numbers, name and content: a tokenizer, or an image transform. Each checkpoint holds them.</summary>
    public required IReadOnlyDictionary<string, byte[]> Files { get; init; }
    /// <summary>The hash of those files.</summary>
    public required string FilesHash { get; init; }
    /// <summary>What throughput counts, from the number of targets.</summary>
    public Func<long, double> UnitsOf { get; init; } = targets => targets;

    /// <summary>Prepares the data and makes the model that a config asks for.</summary>
    /// <exception cref="UserException">The data cannot be read, or the model does not fit them.</exception>
    public static TaskSetup Create(RunConfig config, TrainingOptions options, ITrainingObserver observer, StopRequest stop) => (config.Data, config.Model) switch
    {
        (TextDataConfig text, GptConfig gpt) => Blaming("data.source", () => TextTaskSetup.Create(config, text, gpt, options, observer, stop)),
        (ImageDataConfig images, ImageModelConfig shape) => Blaming("data.source", () => ImageTaskSetup.Create(config, images, shape, options, observer, stop)),
        (ParallelDataConfig parallel, Seq2SeqConfig seq2seq) => Blaming("data.source", () => ParallelTaskSetup.Create(config, parallel, seq2seq, options, observer, stop)),
        (LabelledDataConfig labelled, EncoderConfig encoder) => Blaming("data.source", () => LabelledTaskSetup.Create(config, labelled, encoder, options, observer, stop)),
        var (data, model) => throw new UserException(
            $"data of kind {KindAttribute.Of(data)} do not train a model of kind {KindAttribute.Of(model)}"),
    };

    // What is wrong with the data is told at the setting that names them.
    static TaskSetup Blaming(string path, Func<TaskSetup> create)
    {
        try
        {
            return create();
        }
        catch (UserException exception) when (exception.GetType() == typeof(UserException))
        {
            throw new UserException([.. exception.Problems.Select(problem => problem.Path is not null || problem.Line is not null ? problem : problem with
            {
                Message = problem.File is null ? problem.Message : $"{problem.File}: {problem.Message}",
                File = null,
                Path = path,
                Hint = problem.Hint ?? "name other data here, or with --data",
            })], exception);
        }
    }

    /// <summary>Lets go of the data and of the model.</summary>
    public void Dispose()
    {
        Task.Dispose();
        Task.Model.Dispose();
    }
}
