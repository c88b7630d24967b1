using static TorchSharp.torch;

namespace Transformers.Models;

static class EngineDecoder
{
    internal static bool Exists(Device device) => false;
    static T Missing<T>() => throw new NotSupportedException("there are no kernels for generation");
    internal static Tensor Pack(Tensor?[] parts, long[] shape, double epsilon, WeightFormat format) => Missing<Tensor>();
    internal static Tensor Step(Tensor weights, Tensor embedding, double scale, PositionTables positions, PagedCache target, PagedCache? source,
        long[] ids, long[] places, long[] rows, long[] wanted) => Missing<Tensor>();
    internal static void Source(Tensor weights, Tensor memory, PagedCache source) => Missing<int>();
    internal static void Copy(Tensor cache, long[] from, long[] to) => Missing<int>();
    internal static (Tensor values, Tensor ids) Top(Tensor logits, long columns, int k, long[] banned)
    {
        var logProbabilities = logits.narrow(1, 0, columns).log_softmax(-1);
        foreach (var column in banned) logProbabilities.select(1, column).fill_(double.NegativeInfinity);
        return logProbabilities.topk(k, -1);
    }
}
