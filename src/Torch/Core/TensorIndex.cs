using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>One index of a tensor: a number, a slice, a mask or a tensor of numbers, an ellipsis, a new dimension.</summary>
    public struct TensorIndex
    {
        internal enum Kind { None, Single, Slice, Tensor, Ellipsis, Bool }

        internal Kind kind;
        internal long? start, stop, step;
        internal Tensor? tensor;

        public static TensorIndex None = new() { kind = Kind.None };
        public static TensorIndex Null = new() { kind = Kind.None };
        public static TensorIndex Ellipsis = new() { kind = Kind.Ellipsis };
        public static TensorIndex Colon = new() { kind = Kind.Slice };

        public static TensorIndex Single(long? index) => new() { kind = Kind.Single, start = index };
        public static TensorIndex Bool(bool value) => new() { kind = Kind.Bool, start = value ? 1 : 0 };
        public static TensorIndex Tensor(Tensor tensor) => new() { kind = Kind.Tensor, tensor = tensor };
        public static TensorIndex Slice(long? start = null, long? stop = null, long? step = null) =>
            new() { kind = Kind.Slice, start = start, stop = stop, step = step };
        public static TensorIndex Slice((int? start, int? end) range) => Slice(range.start, range.end);
        public static TensorIndex Slice(Range range) =>
            Slice(range.Start.IsFromEnd ? -range.Start.Value : range.Start.Value,
                range.End.IsFromEnd ? (range.End.Value == 0 ? null : -range.End.Value) : range.End.Value);

        public static implicit operator TensorIndex(long value) => Single(value);
        public static implicit operator TensorIndex(Index index) => Single(index.IsFromEnd ? -index.Value : index.Value);
        public static implicit operator TensorIndex(Range range) => Slice(range);
        public static implicit operator TensorIndex((int? start, int? end) range) => Slice(range);
    }

    public partial class Tensor
    {
        static readonly Op select_int_op = Op.Find("aten::select", "int");
        static readonly Op slice_op = Op.Find("aten::slice", "Tensor");
        static readonly Op unsqueeze_index_op = Op.Find("aten::unsqueeze");
        static readonly Op index_op = Op.Find("aten::index", "Tensor");
        static readonly Op index_put_op = Op.Find("aten::index_put_");

        public Tensor this[params TensorIndex[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        public Tensor this[params Tensor[] indices]
        {
            get => index(indices);
            set => index_put_(value, indices);
        }

        public Tensor this[long i1] { get => Element(i1); set => Element(i1).copy_(value); }
        public Tensor this[long i1, long i2] { get => Element(i1, i2); set => Element(i1, i2).copy_(value); }
        public Tensor this[long i1, long i2, long i3] { get => Element(i1, i2, i3); set => Element(i1, i2, i3).copy_(value); }
        public Tensor this[long i1, long i2, long i3, long i4] { get => Element(i1, i2, i3, i4); set => Element(i1, i2, i3, i4).copy_(value); }

        Tensor Element(params ReadOnlySpan<long> indices)
        {
            var view = this;
            foreach (var index in indices)
            {
                var next = select_int_op.Call(view, 0, index);
                if (!ReferenceEquals(view, this)) view.Dispose();
                view = next;
            }
            return view;
        }

        public Tensor index(params TensorIndex[] indices)
        {
            var (view, tensors) = Basic(indices);
            if (tensors.Length == 0) return view;
            var result = index_op.Call(view, tensors);
            view.Dispose();
            return result;
        }

        public Tensor index(params Tensor[] indices) => index_op.Call(this, indices);

        public Tensor index_put_(Tensor value, params TensorIndex[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, TensorIndex[] indices, bool accumulate = false)
        {
            var (view, tensors) = Basic(indices);
            if (tensors.Length == 0)
            {
                if (accumulate) throw new ArgumentException("accumulate needs an index that is a tensor.");
                view.copy_(value);
            }
            else index_put_op.CallVoid(view, tensors, value, accumulate);
            view.Dispose();
            return this;
        }

        public Tensor index_put_(Tensor value, params Tensor[] indices) => index_put_(value, indices, false);

        public Tensor index_put_(Tensor value, Tensor[] indices, bool accumulate = false) =>
            index_put_op.CallInPlace(this, indices, value, accumulate);

        // Numbers, slices and new dimensions become views; what is left is a list for aten::index, in which
        // an absent entry means the whole dimension.
        (Tensor view, Tensor?[] tensors) Basic(TensorIndex[] indices)
        {
            var consumed = indices.Sum(index => index.kind switch
            {
                TensorIndex.Kind.Single or TensorIndex.Kind.Slice => 1,
                TensorIndex.Kind.Tensor => index.tensor!.dtype == ScalarType.Bool ? (int)index.tensor.dim() : 1,
                _ => 0,
            });
            var rank = (int)dim();
            if (consumed > rank) throw new ArgumentException($"{consumed} indices given for {rank} dimensions.");
            var view = alias();
            var tensors = new List<Tensor?>();
            var dimension = 0;
            foreach (var index in indices)
                switch (index.kind)
                {
                    case TensorIndex.Kind.Single:
                        view = Next(view, select_int_op.Call(view, dimension, index.start!.Value));
                        break;
                    case TensorIndex.Kind.Slice:
                        if (index.start is not null || index.stop is not null || index.step is not null)
                            view = Next(view, slice_op.Call(view, dimension, index.start, index.stop, index.step ?? 1));
                        tensors.Add(null);
                        dimension++;
                        break;
                    case TensorIndex.Kind.None:
                        view = Next(view, unsqueeze_index_op.Call(view, dimension));
                        tensors.Add(null);
                        dimension++;
                        break;
                    case TensorIndex.Kind.Bool:
                        view = Next(view, unsqueeze_index_op.Call(view, dimension));
                        tensors.Add(torch.tensor(new[] { index.start == 1 }));
                        dimension++;
                        break;
                    case TensorIndex.Kind.Ellipsis:
                        for (var skip = rank - consumed; skip > 0; skip--, dimension++) tensors.Add(null);
                        break;
                    case TensorIndex.Kind.Tensor:
                        tensors.Add(index.tensor);
                        dimension += index.tensor!.dtype == ScalarType.Bool ? (int)index.tensor.dim() : 1;
                        break;
                }
            while (tensors.Count > 0 && tensors[^1] is null) tensors.RemoveAt(tensors.Count - 1);
            return (view, [.. tensors]);
        }

        static Tensor Next(Tensor view, Tensor next)
        {
            view.Dispose();
            return next;
        }
    }
}
