using Transformers.Interchange.Onnx;
using Transformers.Models;

namespace Transformers.Kinds;

/// <summary>Residual convolutional networks.</summary>
sealed class ResnetKind : ImageKind<ResnetConfig>
{
    private protected override OnnxGraph BuildOnnx(ResnetConfig model, ImageShape shape, OnnxWeights weights) => OnnxResnet.Build(model, shape, weights);

    // Blocks of a stage differ from its first one, and the model is small.
    private protected override SmallModel OneOfEachBlock(ResnetConfig model, DataProfile data) => new(new Resnet(model, data.Image!.Value));
}
