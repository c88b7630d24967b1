using Transformers.Models;

namespace Transformers.Kinds;

/// <summary>Residual convolutional networks.</summary>
sealed class ResnetKind : ImageKind<ResnetConfig>
{
    // Blocks of a stage differ from its first one, and the whole is small.
    private protected override IReadOnlyList<ParameterShape> ListParameters(ResnetConfig model, DataProfile data)
    {
        using var whole = new Resnet(model, data.Image!.Value);
        return ParameterTable.Of(whole);
    }
}
