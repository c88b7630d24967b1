using Transformers.Native;
using static TorchSharp.torch;

namespace Transformers.Training;

/// <summary>How a run begins.</summary>
public enum ResumeMode
{
    /// <summary>Go on where the folder stopped; start where it is empty.</summary>
    Auto,
    /// <summary>Start; a folder that holds a run is an error.</summary>
    Never,
}

/// <summary>What a run is told besides its config.</summary>
public sealed record TrainingOptions
{
    /// <summary>The run's folder.</summary>
    public required string Run { get; init; }
    /// <summary>How to begin.</summary>
    public ResumeMode Resume { get; init; }
    /// <summary>A checkpoint folder to go on from, instead of the run's own newest.</summary>
    public string? ResumeFrom { get; init; }
    /// <summary>A run or checkpoint whose weights a new run starts from; where it is text, its tokenizer comes along.</summary>
    public string? From { get; init; }
    /// <summary>End after this step of the run; a later call goes on.</summary>
    public long? MaxSteps { get; init; }
    /// <summary>End after this time.</summary>
    public TimeSpan? MaxTime { get; init; }
    /// <summary>The device.</summary>
    public Device Device { get => field ?? NativeLibraries.Cpu; init; }
    /// <summary>The folder of prepared data.</summary>
    public string Cache { get; init; } = Path.Combine("data", ".cache");
}
