using System.Globalization;
using System.Text.Json;

namespace Benchmarks.Against;

/// <summary>The result of one run of a row.</summary>
/// <param name="Value">Units per second, or seconds.</param>
/// <param name="Peak">The peak resident bytes; 0 if they are not compared.</param>
/// <param name="Parameters">The number of the model's parameters, which must be the same on all sides; 0 if it is not reported.</param>
/// <param name="Loss">The loss of the first step; 0 if nothing is trained.</param>
readonly record struct Measurement(double Value, long Peak = 0, long Parameters = 0, double Loss = 0)
{
    /// <summary>Reads the line of <c>name=value</c> that benchmark programs print.</summary>
    internal static Measurement OfLine(string line)
    {
        var values = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => double.Parse(pair[1], CultureInfo.InvariantCulture));
        return new(values["value"], (long)values["peak"], (long)values["parameters"], values["loss"]);
    }

    /// <summary>Reads the document of <c>bench step</c>.</summary>
    internal static Measurement OfStep(string json)
    {
        var step = JsonDocument.Parse(json).RootElement.GetProperty("step");
        return new(step.GetProperty("units_per_second").GetDouble(), step.GetProperty("peak_memory_bytes").GetInt64(), step.GetProperty("parameters").GetInt64(), step.GetProperty("first_loss").GetDouble());
    }

    /// <summary>Reads the document of <c>bench generate</c> with one number of prompts.</summary>
    /// <param name="json">The document.</param>
    /// <param name="peak">The process's peak memory in bytes, which is not in the document.</param>
    internal static Measurement OfGeneration(string json, long peak) =>
        new(JsonDocument.Parse(json).RootElement.GetProperty("generate")[0].GetProperty("tokens_per_second").GetDouble(), peak);

    /// <summary>Reads the document of <c>train</c>.</summary>
    internal static Measurement OfTraining(string json)
    {
        var result = JsonDocument.Parse(json).RootElement;
        return new(result.GetProperty("tokens_per_second").GetDouble(), result.GetProperty("peak_memory_bytes").GetInt64(), result.GetProperty("parameters").GetInt64());
    }
}
