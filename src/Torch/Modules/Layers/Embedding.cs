using TorchSharp.Interop;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            public static Embedding Embedding(long num_embeddings, long embedding_dims, long? padding_idx = null, double? max_norm = null,
                double norm_type = 2, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                var table = new Parameter(empty([num_embeddings, embedding_dims], dtype, device));
                init.normal_(table);
                if (padding_idx is { } padding)
                    using (no_grad())
                    using (var row = table.select(0, padding)) row.zero_();
                return new(table, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
            }

            public static Embedding Embedding_from_pretrained(Tensor embeddings, bool freeze = true, long? padding_idx = null, double? max_norm = null,
                double norm_type = 2, bool scale_grad_by_freq = false, bool sparse = false, Device? device = null, ScalarType? dtype = null)
            {
                using var detached = embeddings.detach();
                var copy = detached.to(dtype ?? embeddings.dtype, device ?? embeddings.device, copy: true);
                return new(new Parameter(copy, !freeze), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse);
            }
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>A row of the weight for each index.</summary>
    public sealed class Embedding : Module<Tensor, Tensor>
    {
        static readonly Op embedding_op = Op.Find("aten::embedding");
        static readonly Op embedding_renorm_op = Op.Find("aten::embedding_renorm_");
        readonly long padding;
        readonly double? maxNorm;
        readonly double normType;
        readonly bool scaleByFrequency, sparse;

        internal Embedding(Parameter weight, long? padding, double? maxNorm, double normType, bool scaleByFrequency, bool sparse) : base(nameof(Embedding))
        {
            this.weight = weight;
            this.padding = padding is { } row ? (row < 0 ? weight.shape[0] + row : row) : -1;
            this.maxNorm = maxNorm;
            this.normType = normType;
            this.scaleByFrequency = scaleByFrequency;
            this.sparse = sparse;
        }

        public Parameter weight { get; set => field = Held(nameof(weight), value); }

        public override Tensor forward(Tensor input)
        {
            if (maxNorm is { } limit)
                using (no_grad())
                using (var indices = input.contiguous()) embedding_renorm_op.CallInPlace(weight, indices, limit, normType);
            return embedding_op.Call(weight, input, padding, scaleByFrequency, sparse);
        }
    }
}
