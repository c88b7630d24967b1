using System.Globalization;

namespace Transformers.Checkpoints;

/// <summary>A checkpoint folder's name: <c>step-</c> and the step in eight digits, or more where it has more.</summary>
public static class CheckpointName
{
    /// <summary>The largest step that a name can hold.</summary>
    public const long LargestStep = 999_999_999_999;

    const string Prefix = "step-";

    /// <summary>The name for a step.</summary>
    public static string Of(long step) => Prefix + step.ToString("D8", CultureInfo.InvariantCulture);

    /// <summary>The step of a name; false for any other text, such as a leftover's name or the same step written otherwise.</summary>
    public static bool TryParse(string name, out long step)
    {
        step = 0;
        return name.StartsWith(Prefix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out step)
            && step <= LargestStep && Of(step) == name;
    }
}
